package workflow

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/ptychobridge/ptychobridge/config"
)

// Epoch is a line of a run's history. Losses and deviances are means weighted
// by groups; the training ones are of the weights before each step, the
// validation ones of the weights at the epoch's end, and where no groups are
// held back the training ones stand in for them.
type Epoch struct {
	Epoch              int     `json:"epoch"` // 1 is the first
	TrainLoss          float64 `json:"train_loss"`
	ValidationLoss     float64 `json:"validation_loss"`
	LearningRate       float64 `json:"learning_rate"`       // of the epoch's steps after the warm-up
	TrainDeviance      float64 `json:"train_deviance"`      // Poisson deviance per pixel in counts; 0 where the file holds no counts
	ValidationDeviance float64 `json:"validation_deviance"` // likewise
	Seconds            float64 `json:"seconds"`
}

// mean is an average weighted by groups.
type mean struct {
	loss, deviance float64
	groups         int
}

func (m *mean) add(loss, deviance float64, groups int) {
	m.loss += loss * float64(groups)
	m.deviance += deviance * float64(groups)
	m.groups += groups
}

func (m *mean) value() (loss, deviance float64) {
	n := float64(m.groups)
	return m.loss / n, m.deviance / n
}

// trainer runs epochs over a network.
type trainer struct {
	network *network
	scan    *scan
	config  config.TrainingConfig
	counts  float64 // measured counts per unit of the scaled intensities; 0 where there are none
	report  func(Progress)
}

// run trains until the last epoch or an early stop. It stops at the next step
// when ctx is cancelled.
func (t *trainer) run(ctx context.Context) ([]Epoch, error) {
	schedule := newSchedule(t.config)
	var history []Epoch
	for e := 1; e <= t.config.NEpochs; e++ {
		began := time.Now()
		epoch := Epoch{Epoch: e, LearningRate: schedule.rate}
		if err := t.epoch(ctx, &epoch); err != nil {
			return history, fmt.Errorf("epoch %d: %w", e, err)
		}
		epoch.Seconds = time.Since(began).Seconds()
		history = append(history, epoch)
		best, stop := schedule.after(epoch.ValidationLoss)
		t.report(Progress{Stage: StageEpoch, Epoch: epoch, Epochs: t.config.NEpochs, Best: best, Stopped: stop})
		if stop {
			break
		}
	}
	return history, nil
}

func (t *trainer) epoch(ctx context.Context, e *Epoch) error {
	var training mean
	order := shuffled(t.scan.training, t.config.Seed, e.Epoch)
	err := batches(ctx, order, t.config.BatchSize, func(batch []int32) error {
		loss, deviance, err := t.network.step(batch, warm(e.LearningRate, t.network.steps+1, t.config.WarmupSteps))
		if err != nil {
			return err
		}
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return fmt.Errorf("the loss is %v after %d steps; lower learning_rate, or check nphotons and the data", loss, t.network.steps)
		}
		training.add(loss, deviance, len(batch))
		t.report(Progress{Stage: StageStep, Epoch: Epoch{Epoch: e.Epoch}, Epochs: t.config.NEpochs, Done: training.groups, Total: len(order)})
		return nil
	})
	if err != nil {
		return err
	}
	e.TrainLoss, e.TrainDeviance = training.value()
	e.ValidationLoss, e.ValidationDeviance = e.TrainLoss, e.TrainDeviance
	if len(t.scan.validation) > 0 {
		var validation mean
		err := batches(ctx, t.scan.validation, t.config.BatchSize, func(batch []int32) error {
			loss, deviance, err := t.network.evaluate(batch)
			validation.add(loss, deviance, len(batch))
			return err
		})
		if err != nil {
			return err
		}
		e.ValidationLoss, e.ValidationDeviance = validation.value()
	}
	e.TrainDeviance *= t.counts
	e.ValidationDeviance *= t.counts
	return nil
}

// shuffled gives the groups in the order of an epoch: a permutation from the
// seed and the epoch's number alone.
func shuffled(groups []int32, seed uint64, epoch int) []int32 {
	out := append([]int32(nil), groups...)
	random := rand.New(rand.NewPCG(seed, uint64(epoch)))
	random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// batches calls f for each batch in turn, until ctx is cancelled.
func batches(ctx context.Context, groups []int32, size int, f func(batch []int32) error) error {
	for first := 0; first < len(groups); first += size {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f(groups[first:min(first+size, len(groups))]); err != nil {
			return err
		}
	}
	return nil
}

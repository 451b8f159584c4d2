package workflow

import (
	"context"
	"errors"
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
	LearningRate       float64 `json:"learning_rate"`                 // of the epoch's last step
	TrainDeviance      float64 `json:"train_deviance,omitempty"`      // Poisson deviance per pixel in counts; 0, and not written, where the file holds no counts
	ValidationDeviance float64 `json:"validation_deviance,omitempty"` // likewise
	BrightShare        float64 `json:"bright_share,omitempty"`        // share of pixels, of those of the validation deviance, in which more than 5 counts are predicted
	Seconds            float64 `json:"seconds"`
}

// brightCounts is how many counts a pixel must be predicted to have for its
// deviance to be near 1 when the fit is at the photon noise.
const brightCounts = 5

// mean is an average weighted by groups.
type mean struct {
	sum    figures
	groups int
}

func (m *mean) add(f figures, groups int) {
	n := float64(groups)
	m.sum.loss += f.loss * n
	m.sum.deviance += f.deviance * n
	m.sum.bright += f.bright * n
	m.groups += groups
}

func (m *mean) value() figures {
	n := float64(m.groups)
	return figures{m.sum.loss / n, m.sum.deviance / n, m.sum.bright / n}
}

// trainer runs epochs over a network.
type trainer struct {
	network *network
	scan    *scan
	config  config.TrainingConfig
	counts  float64 // measured counts per unit of the scaled intensities; 0 where there are none
	report  func(Progress)
	keeper  *keeper // of checkpoints; nil: none are written

	schedule *schedule
	at       position
	began    time.Time // of this segment
}

// trained is the time that was spent on training, earlier segments included.
func (t *trainer) trained() float64 { return t.at.TrainSeconds + since(t.began) }

// run trains until the last epoch or an early stop. It stops at the next step
// when ctx is cancelled; with a keeper the error is an Interrupted then.
func (t *trainer) run(ctx context.Context) error {
	t.began = time.Now()
	for !t.at.Stopped && t.at.Epochs < t.config.NEpochs {
		if err := t.epoch(ctx); err != nil {
			err = fmt.Errorf("epoch %d: %w", t.at.Epochs+1, err)
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return t.interrupted(err)
			}
			return err
		}
	}
	return nil
}

// epoch trains on what is left of an epoch, validates and moves on.
func (t *trainer) epoch(ctx context.Context) error {
	began, before := time.Now(), t.at.Seconds
	e := Epoch{Epoch: t.at.Epochs + 1}
	err := t.pass(ctx, &e)
	t.at.Seconds = before + since(began)
	if err != nil {
		return err
	}
	e.Seconds = t.at.Seconds
	t.at.History = append(t.at.History, e)
	best, stop := t.schedule.after(e.ValidationLoss)
	t.at.Epochs, t.at.Batches, t.at.Sums, t.at.Seconds, t.at.Stopped = e.Epoch, 0, sums{}, 0, stop
	if every := t.config.CheckpointEvery; t.keeper != nil && (e.Epoch%every == 0 || stop || e.Epoch >= t.config.NEpochs) {
		t.keeper.epoch(t)
	}
	t.report(Progress{Stage: StageEpoch, Epoch: e, Epochs: t.config.NEpochs, Best: best, Stopped: stop})
	return nil
}

// pass trains on the batches of an epoch that have not been, then validates.
func (t *trainer) pass(ctx context.Context, e *Epoch) error {
	training := mean{figures{t.at.Sums.Loss, t.at.Sums.Deviance, t.at.Sums.Bright}, t.at.Sums.Groups}
	order := shuffled(t.scan.training, t.config.Seed, e.Epoch)
	err := batches(ctx, order[min(t.at.Batches*t.config.BatchSize, len(order)):], t.config.BatchSize, func(batch []int32) error {
		rate := t.schedule.at(t.network.steps + 1)
		f, err := t.network.step(batch, rate)
		if err != nil {
			return err
		}
		if err := finite("loss", f.loss, t.network.steps); err != nil {
			return err
		}
		training.add(f, len(batch))
		t.at.Batches++
		t.at.Steps, t.at.LearningRate = t.network.steps, rate
		t.at.Sums = sums{training.sum.loss, training.sum.deviance, training.sum.bright, training.groups}
		t.report(Progress{Stage: StageStep, Epoch: Epoch{Epoch: e.Epoch, TrainLoss: training.value().loss}, Epochs: t.config.NEpochs, Done: training.groups, Total: len(order)})
		return nil
	})
	if err != nil {
		return err
	}
	e.LearningRate = t.at.LearningRate
	held := training.value()
	e.TrainLoss, e.TrainDeviance = held.loss, held.deviance*t.counts
	if len(t.scan.validation) > 0 {
		var validation mean
		err := batches(ctx, t.scan.validation, t.config.BatchSize, func(batch []int32) error {
			f, err := t.network.evaluate(batch)
			validation.add(f, len(batch))
			return err
		})
		if err != nil {
			return err
		}
		held = validation.value()
	}
	if err := finite("validation loss", held.loss, t.network.steps); err != nil {
		return err
	}
	e.ValidationLoss = held.loss
	if t.counts > 0 && t.scan.heldCounts {
		e.ValidationDeviance, e.BrightShare = held.deviance*t.counts, held.bright
	}
	return nil
}

// finite refuses a number of a training that has diverged.
func finite(what string, v float64, steps int) error {
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		return nil
	}
	return fmt.Errorf("the %s is %v after %d steps: the training has diverged; lower learning_rate, set gradient_clip_val, or check nphotons and the data", what, v, steps)
}

// shuffled gives the groups in the order of an epoch: a permutation from the
// seed and the epoch's number alone.
func shuffled(groups []int32, seed uint64, epoch int) []int32 {
	out := append([]int32(nil), groups...)
	random := rand.New(rand.NewPCG(seed, uint64(epoch)))
	random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// steps is the number of batches that so many patterns make.
func steps(patterns, batch int) int { return (patterns + batch - 1) / batch }

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

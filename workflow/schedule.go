package workflow

import (
	"fmt"
	"math"

	"github.com/ptychobridge/ptychobridge/config"
)

// leastFall is the relative fall of a loss that counts as one.
const leastFall = 1e-6

// schedule holds the learning rate and says when to stop, from the validation
// loss of each epoch. In the order of time, from the rate lr of the start:
//
//	constant       lr
//	plateau        times factor whenever the loss has not fallen for some epochs
//	exponential    lr·factor^(epoch−1)
//	warmup_cosine  least + (lr−least)·(1 + cos(π·(t−W)/(T−W)))/2 at step t of T, after W steps of warm-up
//
// No schedule goes below least, nor raises a rate that begins below it. All
// begin with the warm-up, see warm.
type schedule struct {
	kind   string
	start  float64 // lr
	factor float64
	least  float64
	warmup int // W
	steps  int // T, of all epochs
	waits  int // epochs without a fall before the rate is lowered
	stops  int // epochs without a fall before training stops; 0: never

	rate        float64 // of the epoch, but for warmup_cosine
	epochs      int     // that have ended
	best        float64
	sinceFall   int // for stopping
	sinceChange int // for the rate; begins anew whenever the rate is lowered
}

// newSchedule is for a training of stepsPerEpoch optimizer steps an epoch.
func newSchedule(c config.TrainingConfig, stepsPerEpoch int) *schedule {
	return &schedule{
		kind: c.Scheduler, start: c.LearningRate, factor: c.SchedulerFactor, least: min(c.MinLR, c.LearningRate),
		warmup: c.WarmupSteps, steps: c.NEpochs * stepsPerEpoch, waits: c.SchedulerPatience, stops: c.EarlyStopPatience,
		rate: c.LearningRate, best: math.Inf(1),
	}
}

// check refuses a warm-up that leaves nothing of the training for the cosine.
func (s *schedule) check() error {
	if s.kind == "warmup_cosine" && s.warmup >= s.steps {
		return fmt.Errorf("warmup_steps is %d, but the training has %d steps; expected fewer with scheduler warmup_cosine, which falls after them", s.warmup, s.steps)
	}
	return nil
}

// at gives the learning rate of step 1, 2, … of the training.
func (s *schedule) at(step int) float64 {
	if s.kind != "warmup_cosine" || step <= s.warmup {
		return warm(s.rate, step, s.warmup)
	}
	share := float64(step-s.warmup) / float64(s.steps-s.warmup)
	return s.least + (s.start-s.least)*(1+math.Cos(math.Pi*share))/2
}

// warm lowers the rate of the first steps: it rises in equal parts over the
// given number of steps. Without that, Adam's first steps, each of the full
// rate in every weight, can drive the phase of a wide network into saturation.
func warm(rate float64, step, steps int) float64 {
	if step >= steps {
		return rate
	}
	return rate * float64(step) / float64(steps)
}

// after takes an epoch's loss and says whether it is the best so far and
// whether to stop.
func (s *schedule) after(loss float64) (best, stop bool) {
	s.epochs++
	if s.kind == "exponential" {
		s.rate = max(s.start*math.Pow(s.factor, float64(s.epochs)), s.least)
	}
	if math.IsInf(s.best, 1) || s.best-loss > leastFall*math.Abs(s.best) {
		s.best, s.sinceFall, s.sinceChange = loss, 0, 0
		return true, false
	}
	s.sinceFall++
	s.sinceChange++
	if s.kind == "plateau" && s.sinceChange >= s.waits {
		s.rate = max(s.rate*s.factor, min(s.least, s.rate))
		s.sinceChange = 0
	}
	return false, s.over()
}

// over says whether the loss has not fallen for so long that training stops.
func (s *schedule) over() bool { return s.stops > 0 && s.sinceFall >= s.stops }

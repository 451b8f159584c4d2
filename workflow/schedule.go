package workflow

import (
	"math"

	"github.com/ptychobridge/ptychobridge/config"
)

// leastFall is the relative fall of a loss that counts as one.
const leastFall = 1e-6

// schedule holds the learning rate and says when to stop, from the validation
// loss of each epoch.
type schedule struct {
	rate    float64
	plateau bool
	factor  float64
	least   float64
	waits   int // epochs without a fall before the rate is lowered
	stops   int // epochs without a fall before training stops; 0: never

	best        float64
	sinceFall   int // for stopping
	sinceChange int // for the rate; begins anew whenever the rate is lowered
}

func newSchedule(c config.TrainingConfig) *schedule {
	return &schedule{
		rate: c.LearningRate, plateau: c.Scheduler == "plateau", factor: c.SchedulerFactor, least: c.MinLR,
		waits: c.SchedulerPatience, stops: c.EarlyStopPatience, best: math.Inf(1),
	}
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
	if math.IsInf(s.best, 1) || s.best-loss > leastFall*math.Abs(s.best) {
		s.best, s.sinceFall, s.sinceChange = loss, 0, 0
		return true, false
	}
	s.sinceFall++
	s.sinceChange++
	if s.plateau && s.sinceChange >= s.waits {
		s.rate = max(s.rate*s.factor, min(s.least, s.rate))
		s.sinceChange = 0
	}
	return false, s.stops > 0 && s.sinceFall >= s.stops
}

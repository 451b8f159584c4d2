package workflow

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/config"
)

func plateau() *schedule {
	return newSchedule(config.Default().Training, 4) // rate 1e-3, factor 0.5, patience 2, least 1e-4, stop after 3
}

func TestScheduleHalvesAndStops(t *testing.T) {
	s := plateau()
	for _, e := range []struct {
		loss       float64
		best, stop bool
		rate       float64
	}{
		{-100, true, false, 1e-3},
		{-101, true, false, 1e-3},
		{-101, false, false, 1e-3},
		{-101 - 1e-5, false, false, 5e-4}, // falls by less than 1e-6 of itself
		{-102, true, false, 5e-4},
		{-90, false, false, 5e-4},
		{-90, false, false, 2.5e-4},
		{-90, false, true, 2.5e-4},
	} {
		best, stop := s.after(e.loss)
		require.Equal(t, e.best, best, e)
		require.Equal(t, e.stop, stop, e)
		require.InEpsilon(t, e.rate, s.rate, 1e-12, e)
	}
}

func TestScheduleLeastRate(t *testing.T) {
	s := plateau()
	s.stops = 0
	for range 30 {
		_, stop := s.after(1)
		require.False(t, stop, "early stop is off")
	}
	require.InEpsilon(t, 1e-4, s.rate, 1e-12)

	s = plateau()
	s.rate, s.stops = 1e-5, 0
	for range 9 {
		s.after(1)
	}
	require.InEpsilon(t, 1e-5, s.rate, 1e-12, "a rate below the least one is not raised")
}

func TestWarm(t *testing.T) {
	require.InEpsilon(t, 0.25, warm(1, 1, 4), 1e-12, "the first step")
	require.InEpsilon(t, 0.75, warm(1, 3, 4), 1e-12)
	require.Equal(t, 1.0, warm(1, 4, 4))
	require.Equal(t, 1.0, warm(1, 900, 4))
	require.Equal(t, 1.0, warm(1, 1, 0), "no warm-up")
}

func TestConstantSchedule(t *testing.T) {
	c := config.Default().Training
	c.Scheduler = "constant"
	s := newSchedule(c, 4)
	for range 3 {
		s.after(1)
	}
	require.InEpsilon(t, 1e-3, s.rate, 1e-12)
}

// TestExponentialSchedule: 1e-3·0.5^(epoch−1), not below 1e-4, whatever the
// loss; the first steps are those of the warm-up.
func TestExponentialSchedule(t *testing.T) {
	c := config.Default().Training
	c.Scheduler, c.WarmupSteps, c.EarlyStopPatience = "exponential", 8, 0
	s := newSchedule(c, 4)
	require.NoError(t, s.check())
	require.InEpsilon(t, 1e-3*1/8, s.at(1), 1e-12)
	for epoch, rate := range []float64{1e-3, 5e-4, 2.5e-4, 1.25e-4, 1e-4, 1e-4} {
		require.InEpsilon(t, rate, s.at(100), 1e-12, "epoch %d", epoch+1)
		_, stop := s.after(float64(-epoch % 2))
		require.False(t, stop)
	}
	s = newSchedule(c, 4)
	s.after(0)
	require.InEpsilon(t, 5e-4*5/8, s.at(5), 1e-12, "step 5 of a warm-up over 8, in the second epoch")
}

// TestWarmupCosine: 4 steps up to 1e-3, then 8 steps down to 1e-4 along half a
// cosine: a quarter of the way 1e-4 + 9e-4·(1 + √½)/2, half of it 5.5e-4.
func TestWarmupCosine(t *testing.T) {
	c := config.Default().Training
	c.Scheduler, c.WarmupSteps, c.NEpochs = "warmup_cosine", 4, 3
	s := newSchedule(c, 4)
	require.NoError(t, s.check())
	for step, rate := range map[int]float64{
		1: 2.5e-4, 2: 5e-4, 3: 7.5e-4, 4: 1e-3, 6: 8.68198051533946e-4, 8: 5.5e-4, 10: 2.31801948466054e-4, 12: 1e-4,
	} {
		require.InEpsilon(t, rate, s.at(step), 1e-12, "step %d", step)
	}
	s.after(1)
	s.after(2)
	require.InEpsilon(t, 5.5e-4, s.at(8), 1e-12, "the loss does not bear on it")

	c.LearningRate = 1e-5
	require.InEpsilon(t, 1e-5, newSchedule(c, 4).at(12), 1e-12, "a rate below min_lr stays as it is")

	c.WarmupSteps = 0
	require.InEpsilon(t, 1e-5, newSchedule(c, 4).at(1), 1e-12)
	c.WarmupSteps = 12
	require.EqualError(t, newSchedule(c, 4).check(), "warmup_steps is 12, but the training has 12 steps; expected fewer with scheduler warmup_cosine, which falls after them")
}

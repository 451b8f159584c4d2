package workflow

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/config"
)

func plateau() *schedule {
	return newSchedule(config.Default().Training) // rate 1e-3, factor 0.5, patience 2, least 1e-4, stop after 3
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
	s := newSchedule(c)
	for range 3 {
		s.after(1)
	}
	require.InEpsilon(t, 1e-3, s.rate, 1e-12)
}

package selector

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/config"
)

// faulty is a configuration with a fault of each kind: the backend's name, a
// value out of range, a setting that is not supported.
func faulty() config.Config {
	c := config.Default()
	c.Training.Backend, c.Training.BatchSize, c.Training.PositionsProvided = "jax", 0, false
	return c
}

// faultyText is what is said of it; the last line is for trainings alone.
const faultyText = `Invalid backend: "jax". %s.backend must be 'tensorflow' or 'pytorch'.
invalid configuration: config: %s.batch_size is "0", allowed: 1 or more
config: training.positions_provided "false" is not supported by this version, which has true`

// TestAllFaultsAtOnce: D6, D16: a bad backend does not hide other faults nor
// they it, on all three paths; the backend's text comes first.
func TestAllFaultsAtOnce(t *testing.T) {
	c := faulty()
	for name, call := range paths(t, c.Training, "") {
		t.Run(name, func(t *testing.T) {
			var seen events
			err := call(spied(&seen), WithExecution(c.Execution))
			require.ErrorIs(t, err, ErrInvalidBackend)
			require.ErrorIs(t, err, ErrInvalidConfig)
			want := fmt.Sprintf(faultyText, "TrainingConfig", "training")
			if name == "load" {
				want = fmt.Sprintf(faultyText, "InferenceConfig", "inference")
				want = want[:strings.LastIndex(want, "\n")]
			}
			require.EqualError(t, err, want)
			var faults config.Faults
			require.ErrorAs(t, err, &faults)
			var refused config.NotSupported
			require.Equal(t, name != "load", errors.As(err, &refused))
			require.Empty(t, seen)
		})
	}
	require.EqualError(t, Check(c), fmt.Sprintf(faultyText, "TrainingConfig", "training"))
}

// TestResolve: the same for the layers of a command line, faults of the file's
// text included.
func TestResolve(t *testing.T) {
	good, err := config.Parse("run.yaml", []byte("training: {nepochs: 3}"))
	require.NoError(t, err)
	r, err := Resolve(nil, good)
	require.NoError(t, err)
	require.Equal(t, 3, r.Config.Training.NEpochs)
	require.Equal(t, "run.yaml", r.Sources["training.nepochs"])

	broken, err := config.Parse("run.yaml", []byte("model: {gridsize: 3}\ntraining: {backend: jax, positions_provided: false}"))
	require.NoError(t, err)
	_, err = Resolve(nil, broken)
	require.EqualError(t, err, `Invalid backend: "jax". TrainingConfig.backend must be 'tensorflow' or 'pytorch'.
invalid configuration: config: training.neighbor_count is "4", allowed: gridsize² or more, with gridsize = 3
config: training.positions_provided "false" is not supported by this version, which has true`)
	require.ErrorIs(t, err, ErrInvalidBackend)

	_, err = ResolveInference(nil, broken)
	require.ErrorContains(t, err, `Invalid backend: "jax". InferenceConfig.backend must be`)
	require.ErrorContains(t, err, "positions_provided")

	// The size of the neighbourhood that is out of range would break the rule
	// about it, were its default taken for what was meant.
	layer, found := config.Parse("run.yaml", []byte("model: {gridsize: 3}\ntraining:\n  neighbor_count: -9\n  backend: jax\n  positions_provided: false"))
	require.Error(t, found)
	_, err = Resolve(found, layer)
	require.EqualError(t, err, `Invalid backend: "jax". TrainingConfig.backend must be 'tensorflow' or 'pytorch'.
invalid configuration: config: run.yaml:3: training.neighbor_count is "-9", allowed: 1 or more
config: training.positions_provided "false" is not supported by this version, which has true`)
}

package selector

import (
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/config"
)

// concurrent are trainings that differ in what the legacy map holds.
func concurrent(backend string) []config.TrainingConfig {
	small := smallConfig(backend)
	groups, other := small, small
	groups.Model.Gridsize, groups.NeighborCount, groups.Seed = 2, 5, 7
	other.NPhotons, other.NSubsample, other.Scheduler, other.NEpochs = 2e5, 4, "constant", 1
	return []config.TrainingConfig{small, groups, other}
}

// TestD5ConcurrentRuns: runs at once, each of its own configuration and with its
// own map or none, end with the maps that they have alone; the process-wide one
// stays as it is. The race detector sees what they share.
func TestD5ConcurrentRuns(t *testing.T) {
	config.SetDefaultLegacyParams(config.LegacyParams{"process": "wide"})
	t.Cleanup(func() { config.SetDefaultLegacyParams(nil) })
	requireOwnMaps(t, Backends(), func() []Option { return []Option{spied(new(events))} })
	require.Equal(t, config.LegacyParams{"process": "wide"}, config.DefaultLegacyParams())
}

// TestD5ConcurrentRunsNative: so it is on the runtimes, both at once.
func TestD5ConcurrentRunsNative(t *testing.T) {
	for _, name := range Backends() {
		native(t, name)
	}
	requireOwnMaps(t, Backends(), func() []Option { return []Option{WithLogger(nil)} })
}

func requireOwnMaps(t *testing.T, backends []string, options func() []Option) {
	t.Helper()
	raw, dir := smallScan(t), t.TempDir()
	trainedIn(t, dir, func(*config.TrainingConfig) {})
	var runs sync.WaitGroup
	var lock sync.Mutex
	faults := map[string]string{}
	start := func(name string, run func() (got, want config.LegacyParams, err error)) {
		runs.Go(func() {
			got, want, err := run()
			lock.Lock()
			defer lock.Unlock()
			if err != nil || !maps.Equal(got, want) {
				faults[name] = fmt.Sprintf("%v\n got %v\nwant %v", err, got, want)
			}
		})
	}
	for _, backend := range backends {
		for k, c := range concurrent(backend) {
			start(fmt.Sprintf("train %s %d", backend, k), func() (got, want config.LegacyParams, err error) {
				own := config.LegacyParams{"run": fmt.Sprint(backend, k)}
				want = own.Clone()
				if err := want.Update(c); err != nil {
					return nil, nil, err
				}
				r, err := TrainCDIModelWithBackend(t.Context(), raw, nil, c, append(options(), WithLegacyParams(own))...)
				if err != nil {
					return nil, nil, err
				}
				if !maps.Equal(own, r.Legacy) {
					return own, r.Legacy, fmt.Errorf("the results have another map")
				}
				return own, want, nil
			})
		}
		start("run "+backend, func() (got, want config.LegacyParams, err error) {
			c, want := smallConfig(backend), config.LegacyParams{}
			if err := want.Update(c); err != nil {
				return nil, nil, err
			}
			_, _, r, err := RunCDIExampleWithBackend(t.Context(), raw, nil, c, options()...)
			if err != nil {
				return nil, nil, err
			}
			return r.Legacy, want, nil
		})
		start("load "+backend, func() (got, want config.LegacyParams, err error) {
			i := smallInference(backend)
			i.NSubsample = len(backend) // another for each
			m, params, err := LoadInferenceBundleWithBackend(t.Context(), dir, i, "", options()...)
			if err != nil {
				return nil, nil, err
			}
			want = m.Bundle().Params.Clone()
			want["backend"], want["n_subsample"], want["batch_size"] = backend, i.NSubsample, i.BatchSize
			return params, want, m.Close()
		})
	}
	runs.Wait()
	require.Empty(t, faults)
}

package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
	"github.com/ptychobridge/ptychobridge/stitch"
)

// way is one way to do a work in this process; do gives the value of a turn.
type way struct {
	name string
	do   func() (float64, error)
}

// takeTurns lets ways take turns, as contestants do.
func takeTurns(ctx context.Context, p Plan, what string, ways []way, tell func(string)) ([]Row, error) {
	rows := make([]Row, len(ways))
	for round := -p.Warmup; round < p.Rounds; round++ {
		tell(what + ", " + roundName(round, p.Rounds))
		for _, i := range rand.New(rand.NewPCG(p.Seed, uint64(round))).Perm(len(ways)) {
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("bench: %w", err)
			}
			v, err := ways[i].do()
			if err != nil {
				return nil, fmt.Errorf("bench: %s: %w", ways[i].name, err)
			}
			if round >= 0 {
				rows[i].Turns = append(rows[i].Turns, v)
			}
		}
	}
	for i := range rows {
		rows[i].Name, rows[i].Value = ways[i].name, NewSpread(rows[i].Turns)
	}
	return rows, nil
}

// Load measures how fast a data file is read, stored and deflated, in 10⁶ bytes
// of float32 patterns a second: decoding alone, and loading with its hash and
// checks. The file holds the patterns of raw, over and over, some megabytes of
// them, and was just written, so that it is in the system's memory.
func Load(ctx context.Context, p Plan, raw *dataset.Raw, megabytes float64, tell func(string)) (*Local, error) {
	directory, err := os.MkdirTemp("", "ptycho-bench-")
	if err != nil {
		return nil, fmt.Errorf("bench: load: %w", err)
	}
	defer os.RemoveAll(directory) //nolint:errcheck // it is temporary
	patterns := max(1, int(megabytes*1e6)/(4*raw.N*raw.N))
	indices := make([]int, patterns)
	for i := range indices {
		indices[i] = i % raw.Len()
	}
	set := raw.Subset(indices)
	var ways []way
	for _, deflate := range []bool{false, true} {
		kind := "stored"
		if deflate {
			kind = "deflated"
		}
		path := filepath.Join(directory, kind+".npz")
		if err := writeSet(path, set, deflate); err != nil {
			return nil, fmt.Errorf("bench: load: %w", err)
		}
		bytes := 4 * float64(len(set.Amplitude))
		ways = append(ways,
			way{"decode, " + kind, rate(bytes, func() error { return decode(path) })},
			way{"load, " + kind, rate(bytes, func() error {
				_, err := dataset.Load(path, dataset.Options{})
				return err
			})})
	}
	rows, err := takeTurns(ctx, p, WhatLoad, ways, tell)
	if err != nil {
		return nil, err
	}
	return &Local{What: fmt.Sprintf("%d patterns of %d×%d, float32, NPZ", patterns, raw.N, raw.N), Unit: "MB/s", Rows: rows}, nil
}

func writeSet(path string, set *dataset.Raw, deflate bool) error {
	n := set.Len()
	return npz.Write(path,
		npz.Array{Key: "diffraction", Data: set.Amplitude, Shape: []int{n, set.N, set.N}, Deflate: deflate},
		npz.Array{Key: "xcoords", Data: set.X, Shape: []int{n}, Deflate: deflate},
		npz.Array{Key: "ycoords", Data: set.Y, Shape: []int{n}, Deflate: deflate},
		npz.Array{Key: "probeGuess", Data: set.Probe, Shape: []int{len(set.Probe) / (set.N * set.N), set.N, set.N}, Deflate: deflate})
}

func decode(path string) error {
	f, err := npz.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	_, err = npz.Read[float32](f, "diffraction")
	return err
}

// rate gives 10⁶ bytes a second.
func rate(bytes float64, do func() error) func() (float64, error) {
	return func() (float64, error) {
		began := time.Now()
		err := do()
		return bytes / 1e6 / time.Since(began).Seconds(), err
	}
}

// Stitch measures how long a patch of side n takes, in µs: of so many, laid on a
// raster of n/8 pixels, of their default central square and of all of them.
func Stitch(ctx context.Context, p Plan, n, patches int, tell func(string)) (*Local, error) {
	values := make([]complex64, patches*n*n)
	random := rand.New(rand.NewPCG(p.Seed, 2))
	for i := range values {
		values[i] = complex(random.Float32(), random.Float32())
	}
	x, y := make([]float64, patches), make([]float64, patches)
	const row = 20
	for i := range x {
		step := float64(n) / 8
		x[i], y[i] = step*(float64(i%row)+random.Float64()), step*(float64(i/row)+random.Float64())
	}
	var ways []way
	for _, m := range []int{20 * n / 64, n} {
		ways = append(ways, way{fmt.Sprintf("central %d×%d of %d×%d", m, m, n, n), func() (float64, error) {
			began := time.Now()
			_, err := stitch.Patches(values, n, x, y, stitch.Options{M: m})
			return 1e6 * time.Since(began).Seconds() / float64(patches), err
		}})
	}
	rows, err := takeTurns(ctx, p, WhatStitch, ways, tell)
	if err != nil {
		return nil, err
	}
	return &Local{What: fmt.Sprintf("%d patches, bilinear, weights of 1, one core", patches), Unit: "µs/patch", Rows: rows}, nil
}

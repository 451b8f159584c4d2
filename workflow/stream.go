package workflow

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/model"
	"github.com/ptychobridge/ptychobridge/stitch"
)

// blockBytes is the size of a portion of patterns, as float32: a small share of
// the memory of a network, and seconds of its work.
const blockBytes = 8 << 20

// Reconstruct is Predict and Stitch for a scan that stays in its file: a portion
// of patterns is predicted while the next is read and the last one is stitched.
// Memory is that of the network, two portions and the canvas, however many
// patterns there are. The object is that of Predict and Stitch to the bit, and so
// are all fields of the results but ObjTensorFull, which is nil: no patch is kept.
// c.DoStitching does not count. Warnings go to logger, which may be nil.
//
// Errors: those of Predict and Stitch; a model of gridsize above 1, the patterns
// of whose groups lie anywhere in the file; and the autoencoder, whose intensities
// are as large as the patterns.
func (m *Model) Reconstruct(ctx context.Context, source *dataset.Source, c config.ReconstructionConfig, logger *slog.Logger) (*Results, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	r, err := m.reconstruct(ctx, source, c, logger)
	if err != nil {
		return nil, fmt.Errorf("workflow: reconstruct: %w", err)
	}
	return r, nil
}

// Streams says whether Reconstruct does for this model.
func (m *Model) Streams() bool { return m.set.Model.Gridsize == 1 && m.name == DiffractionToObject }

func (m *Model) reconstruct(ctx context.Context, source *dataset.Source, c config.ReconstructionConfig, logger *slog.Logger) (*Results, error) {
	began := time.Now()
	if m.closed {
		return nil, fmt.Errorf("the model is %w", bridge.ErrClosed)
	}
	if !m.Streams() {
		return nil, fmt.Errorf("the model %s has gridsize %d; expected %s at gridsize 1: load the scan and call Predict", m.name, m.set.Model.Gridsize, DiffractionToObject)
	}
	raw := source.Scan()
	if err := checkSide("test", raw, m.set.Model.N); err != nil {
		return nil, err
	}
	s, err := planInference(raw, m.config, m.set.Model, m.bundle.Config.Training.Seed, m.bundle.Manifest.Constants.Normalization, m.set.Canvas)
	if err != nil {
		return nil, err
	}
	for _, w := range s.warnings {
		logger.Warn(w)
	}
	p := m.predictionOf(s)
	canvas, err := stitch.New(s.n, p.patchX, p.patchY, how(c, m.probe(), s.n))
	if err != nil {
		return nil, err
	}
	spread := newSpread(s.n)
	laid := newBeside(func(patches []complex64) error {
		spread.add(patches)
		return canvas.Add(patches)
	})
	err = m.stream(ctx, source, s, laid.give)
	predicted := time.Now()
	if fault := laid.end(); err == nil {
		err = fault
	}
	if err != nil {
		return nil, err
	}
	p.seconds = predicted.Sub(began).Seconds()
	r := m.results(p)
	r.Reconstruction, r.Positions = c, pairs(p.patchX, p.patchY)
	r.tellSpread(spread, logger)
	if err := r.stitch(canvas, Options{Logger: logger}); err != nil {
		return nil, err
	}
	r.Times.Stitch, r.Times.Total = since(predicted), since(began)
	return r, nil
}

// stream gives the patches of all patterns of s to use, in their order. The
// resident set is a block of patterns that is written anew for each portion.
func (m *Model) stream(ctx context.Context, source *dataset.Source, s *scan, use func([]complex64) error) error {
	indices := s.object.indices
	block := min(m.blockSize(), len(indices))
	for i := range s.members { // at gridsize 1 group i is pattern i
		s.members[i] = int32(i % block)
	}
	resident := make([]float32, block*s.n*s.n)
	read := func(first int) error { // fills it but for its end, if there are fewer
		part := indices[first:min(first+block, len(indices))]
		values := resident[:len(part)*s.n*s.n]
		err := source.Read(values, part)
		scale(values, s.factor)
		return err
	}
	if err := read(0); err != nil {
		return err
	}
	s.patterns, s.amplitude = block, resident
	n, err := m.compile(s)
	if err != nil {
		return err
	}
	defer n.close() //nolint:errcheck // its errors are those of freeing memory
	groups := s.object.numbers()
	for first := 0; first < len(groups); first += block {
		if first > 0 {
			if err := n.write(model.StateAmplitude, resident, block, s.n, s.n); err != nil {
				return err
			}
		}
		next := make(chan error, 1)
		if end := first + block; end < len(groups) {
			go func() { next <- read(end) }() // what it held has been copied
		} else {
			next <- nil
		}
		err := m.portion(ctx, n, groups[first:min(first+block, len(groups))], first, len(groups), use)
		if fault := <-next; err == nil {
			err = fault
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// portion predicts groups, before which first of all have been.
func (m *Model) portion(ctx context.Context, n *network, groups []int32, first, all int, use func([]complex64) error) error {
	return batches(ctx, groups, m.config.BatchSize, func(batch []int32) error {
		patches, _, err := n.predict(batch)
		if err != nil {
			return err
		}
		first += len(batch)
		m.progress(Progress{Stage: StagePredict, Done: first, Total: all})
		return use(patches)
	})
}

// blockSize is the number of patterns of a portion, full batches, so that batches
// are those of Predict.
func (m *Model) blockSize() int {
	n, batch := m.set.Model.N, m.config.BatchSize
	block := m.block
	if block == 0 {
		block = blockBytes / (4 * n * n)
	}
	return max(1, block/batch) * batch
}

// beside calls a function for one portion of patches after the other, on a
// goroutine of its own.
type beside struct {
	in   chan []complex64
	done chan struct{}
	err  error // once done
}

// newBeside begins; end must be called.
func newBeside(do func([]complex64) error) *beside {
	b := &beside{in: make(chan []complex64, 4), done: make(chan struct{})}
	go func() {
		defer close(b.done)
		for patches := range b.in {
			if b.err = do(patches); b.err != nil {
				return
			}
		}
	}()
	return b
}

// give hands patches over, which are no longer the caller's; it waits while too
// many are under way. The error is that of an earlier call.
func (b *beside) give(patches []complex64) error {
	select {
	case b.in <- patches:
		return nil
	case <-b.done:
		return b.err
	}
}

// end waits until all is done.
func (b *beside) end() error {
	close(b.in)
	<-b.done
	return b.err
}

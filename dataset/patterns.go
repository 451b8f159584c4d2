package dataset

import (
	"fmt"
	"slices"

	"github.com/ptychobridge/ptychobridge/dataset/npz"
)

// layout is how a file orders its patterns.
type layout struct {
	n, side int
	last    bool // (N, N, n) and not (n, N, N)
}

// newLayout recognises the axis of n patterns. ambiguous says that it could be
// either of two.
func newLayout(shape []int, n int) (l layout, ambiguous bool, err error) {
	axes := shape
	if len(axes) == 4 && axes[3] == 1 {
		axes = axes[:3]
	}
	if len(axes) != 3 {
		return layout{}, false, fmt.Errorf("found shape %v; expected (%d, N, N) or (N, N, %d)", shape, n, n)
	}
	first := axes[0] == n && axes[1] == axes[2]
	last := axes[2] == n && axes[0] == axes[1]
	switch {
	case first:
		l = layout{n: n, side: axes[1]}
	case last:
		l = layout{n: n, side: axes[0], last: true}
	case axes[0] == n:
		return layout{}, false, fmt.Errorf("found shape %v, patterns of %d×%d pixels; expected square ones", shape, axes[1], axes[2])
	default:
		return layout{}, false, fmt.Errorf("found shape %v; expected (%d, N, N) or (N, N, %d): there are %d positions", shape, n, n, n)
	}
	return l, first && last, checkSide(l.side)
}

// images orders values as [n, N, N].
func images[T any](values []T, l layout) []T {
	if !l.last {
		return values
	}
	// Some patterns at a time: they are neighbours in values, and so many places
	// of out stay in the cache.
	const some = 16
	size := l.side * l.side
	out := make([]T, len(values))
	inParallel((l.n+some-1)/some, func(k int) {
		first, end := k*some, min((k+1)*some, l.n)
		for p := range size {
			for j, v := range values[p*l.n+first : p*l.n+end] {
				out[(first+j)*size+p] = v
			}
		}
	})
	return out
}

// patternKey is the key under which the patterns are read.
func (l *loader) patternKey() string {
	if !l.has(keyPatterns) {
		return keyOld
	}
	return keyPatterns
}

// allPatterns reads the patterns and keeps them.
func (l *loader) allPatterns() error {
	key := l.patternKey()
	values, m, err := l.ordered(key)
	if err != nil {
		return err
	}
	if key == keyPatterns && l.has(keyOld) {
		if err := l.sameAs(values); err != nil {
			return err
		}
	}
	verdict, err := l.judge(key, surveyed(values, l.raw.N, 0, rounding(m)), m)
	if err != nil {
		return err
	}
	if verdict.intensity {
		squareRoots(values)
	}
	l.raw.Amplitude = values
	return nil
}

// layout recognises the order of the patterns and sets N.
func (l *loader) layout(key string, m npz.Member) (layout, error) {
	order, ambiguous, err := newLayout(m.Shape, l.raw.Len())
	if err != nil {
		return layout{}, l.fault(key, err)
	}
	if ambiguous {
		l.warn(key, "found shape %v with as many patterns as a side has pixels; taken as (n, N, N)", m.Shape)
	}
	l.raw.N = order.side
	return order, nil
}

// ordered gives the patterns [n, N, N] and sets N.
func (l *loader) ordered(key string) ([]float32, npz.Member, error) {
	m, _ := l.file.Member(key)
	order, err := l.layout(key, m)
	if err != nil {
		return nil, m, err
	}
	values, err := npz.Read[float32](l.file, key)
	if err != nil {
		return nil, m, err
	}
	return images(values, order), m, nil
}

// sameAs makes sure that the older name holds no other patterns.
func (l *loader) sameAs(values []float32) error {
	side := l.raw.N
	old, _, err := l.ordered(keyOld)
	if err != nil {
		return err
	}
	if l.raw.N != side || !slices.Equal(old, values) {
		return l.fault(keyOld, fmt.Errorf("found other patterns than in %q; expected the same, or one of the two keys", keyPatterns))
	}
	return nil
}

// judge settles what the patterns hold, and whether they can be used.
func (l *loader) judge(key string, found survey, m npz.Member) (verdict, error) {
	if err := found.err(); err != nil {
		return verdict{}, l.fault(key, err)
	}
	v, err := judge(l.options.Kind, found.settled(m))
	if err != nil {
		return v, l.fault(key, err)
	}
	if v.warning != "" {
		l.warn(key, "%s", v.warning)
	}
	l.raw.Counts = v.counts
	return v, nil
}

func (l *loader) patches() error {
	m, ok := l.file.Member(keyPatches)
	if !ok {
		return nil
	}
	order, _, err := newLayout(m.Shape, l.raw.Len())
	if err != nil {
		return l.fault(keyPatches, err)
	}
	if order.side != l.raw.N {
		return l.fault(keyPatches, fmt.Errorf("found shape %v; expected patches of %d×%d pixels as the patterns have", m.Shape, l.raw.N, l.raw.N))
	}
	if l.withoutY {
		return nil
	}
	values, err := l.readPatches()
	if err != nil {
		return err
	}
	l.raw.Patches = images(values, order)
	return l.fault(keyPatches, checkFinite(l.raw.Patches))
}

package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/combin"
)

// GroupOptions say how the patterns of a scan are put into groups of
// neighbours.
type GroupOptions struct {
	// Gridsize is g: a group has C = g² patterns.
	Gridsize int
	// Groups is the number of groups wanted; 0: as many as there are points.
	Groups int
	// NeighborCount is K: the nearest neighbours of a point, itself among
	// them, that a group is chosen from; K ≥ C.
	NeighborCount int
	// PoolSize is K for oversampling; 0: NeighborCount.
	PoolSize int
	// Oversample allows more groups than points, where Gridsize > 1.
	Oversample bool
	// Sequential begins groups at the points 0, 1, 2, … where fewer groups
	// than points are wanted, instead of a random choice of points.
	Sequential bool
	// Seed decides all random choices.
	Seed uint64
}

// Groups are patterns that a network sees together. Positions are (x, y) in
// object pixels.
type Groups struct {
	// Channels is C, the number of patterns of a group.
	Channels int
	// Indices holds the points of each group [G, C], as numbers in the x and y
	// that Group was given.
	Indices []int32
	// Centre holds the mean position r̄ of each group [G, 2].
	Centre []float64
	// Offset holds d_c = r_c − r̄ of each point of each group [G, C, 2].
	Offset []float64
	// Warnings say what is not as was asked for.
	Warnings []string
}

// Len is the number of groups G: as many as were asked for.
func (g *Groups) Len() int { return len(g.Centre) / 2 }

// Reach is the largest |d_c| of all groups, x and y taken apart, in pixels: it
// decides the canvas on which patches are merged (physics.Side).
func (g *Groups) Reach() float64 {
	reach := 0.0
	for _, d := range g.Offset {
		reach = max(reach, math.Abs(d))
	}
	return reach
}

// maxPool is the largest pool of oversampling: the subsets of 60 can be
// counted in 64 bits.
const maxPool = 60

// Group puts the points (x, y) of a scan into groups of C = g² neighbours, by
// a k-d tree. Points may lie at one place.
//
// Each group begins at a seed point. The seed is one of its own K nearest
// neighbours and always in its group, together with C − 1 of the K − 1 others,
// chosen at random. Every point is a seed; where fewer groups are wanted, so
// many points are, each once. Groups come by rising number of their seed, the
// points of a group by rising distance from it: the seed first, those of one
// distance by rising number.
//
// Where more groups than points are wanted (Oversample), all C-subsets of a
// seed's pool, its PoolSize nearest neighbours, are candidates, whether the
// seed is among them or not. Seeds take turns, no two groups have the same
// points as long as there are such, and a warning says when there are no more.
//
// Always as many groups come back as were asked for. Errors: no points or
// fewer than C, positions that are not finite, NeighborCount or PoolSize below
// C, more groups than points where that is not allowed.
func Group(x, y []float64, o GroupOptions) (*Groups, error) {
	if o.Groups == 0 {
		o.Groups = len(x)
	}
	if o.PoolSize == 0 {
		o.PoolSize = o.NeighborCount
	}
	if err := o.check(x, y); err != nil {
		return nil, fmt.Errorf("dataset: group: %w", err)
	}
	g := &Groups{Channels: o.Gridsize * o.Gridsize}
	if o.Gridsize == 1 {
		o.NeighborCount = 1 // the seed is the group
	}
	key, count := "neighbor_count", &o.NeighborCount
	if o.Groups > len(x) {
		key, count = "neighbor_pool_size", &o.PoolSize
	}
	if *count > len(x) {
		g.warn("%s is %d, but there are only %d patterns, which all are neighbours then", key, *count, len(x))
	}
	*count = min(*count, len(x))
	if o.Groups > len(x) {
		g.oversample(newNeighbors(x, y, *count), o)
	} else {
		g.chooseAround(newNeighbors(x, y, *count), o)
	}
	g.place(x, y)
	return g, nil
}

func (o GroupOptions) check(x, y []float64) error {
	if len(x) == 0 || len(x) != len(y) {
		return fmt.Errorf("found %d x and %d y positions; expected as many, and at least 1", len(x), len(y))
	}
	if err := errors.Join(checkPositions(x), checkPositions(y)); err != nil {
		return err
	}
	n, g := len(x), o.Gridsize
	switch {
	case g < 1:
		return fmt.Errorf("gridsize is %d; expected 1 or more", g)
	case n/g < g:
		return fmt.Errorf("gridsize is %d, so a group has gridsize² patterns, but there are %d; use more patterns or a smaller gridsize", g, n)
	case o.NeighborCount/g < g:
		return fmt.Errorf("neighbor_count is %d; expected gridsize² = %d or more, since a group is chosen among so many", o.NeighborCount, g*g)
	case o.Groups < 0:
		return fmt.Errorf("n_groups is %d; expected 0 or more", o.Groups)
	case o.Groups > n && (g == 1 || !o.Oversample):
		return fmt.Errorf("n_groups is %d, but there are %d patterns; more groups than patterns need gridsize above 1 and enable_oversampling", o.Groups, n)
	case o.Groups > n && (o.PoolSize/g < g || o.PoolSize > maxPool):
		return fmt.Errorf("neighbor_pool_size is %d; expected gridsize² = %d to %d", o.PoolSize, g*g, maxPool)
	}
	return nil
}

func (g *Groups) warn(format string, arguments ...any) {
	g.Warnings = append(g.Warnings, fmt.Sprintf(format, arguments...))
}

// chooseAround makes one group around each of some seeds.
func (g *Groups) chooseAround(n *neighbors, o GroupOptions) {
	seeds := make([]int, o.Groups)
	for i := range seeds {
		seeds[i] = i
	}
	r := random(o.Seed, streamGroups)
	if !o.Sequential && o.Groups < len(n.x) {
		seeds = r.Perm(len(n.x))[:o.Groups]
		slices.Sort(seeds)
	}
	for _, seed := range seeds {
		near := n.of(seed)
		others := r.Perm(n.k - 1)[:g.Channels-1]
		slices.Sort(others)
		g.Indices = append(g.Indices, near[0])
		for _, k := range others {
			g.Indices = append(g.Indices, near[1+k])
		}
	}
}

// oversample makes more groups than there are points.
func (g *Groups) oversample(n *neighbors, o GroupOptions) {
	r := random(o.Seed, streamGroups)
	order := r.Perm(len(n.x))
	if o.Sequential {
		slices.Sort(order)
	}
	pools := make([]*pool, len(n.x))
	for i := range pools {
		pools[i] = newPool(n.of(i), g.Channels, r)
	}
	taken := map[string]bool{}
	bySeed := make([][]int32, len(n.x))
	made := 0
	for before := -1; made < o.Groups && made > before; {
		before = made
		for _, seed := range order {
			if made == o.Groups {
				break
			}
			if group := pools[seed].next(taken); group != nil {
				bySeed[seed] = append(bySeed[seed], group...)
				made++
			}
		}
	}
	g.Indices = slices.Concat(bySeed...)
	if made < o.Groups {
		g.warn("%d of the %d groups have the same patterns as others: neighbours within neighbor_pool_size = %d give only %d different groups; a larger one gives more", o.Groups-made, o.Groups, n.k, made)
		g.Indices = repeated(g.Indices, o.Groups*g.Channels)
	}
}

// repeated continues a list from its beginning.
func repeated(list []int32, length int) []int32 {
	for missing := length - len(list); missing > 0; missing = length - len(list) {
		list = append(list, list[:min(missing, len(list))]...)
	}
	return list
}

// pool goes through the C-subsets of a seed's neighbours: from a random one
// on, by random steps that share no divisor with their number, so that each
// comes once.
type pool struct {
	near        []int32
	channels    int
	subsets     int
	at, step    int
	outstanding int
}

func newPool(near []int32, channels int, r *rand.Rand) *pool {
	subsets := combin.Binomial(len(near), channels)
	p := &pool{near: near, channels: channels, subsets: subsets, at: r.IntN(subsets), step: 1 + r.IntN(subsets), outstanding: subsets}
	for divisor(p.step, subsets) != 1 {
		p.step = 1 + r.IntN(subsets)
	}
	return p
}

// next gives the points of the next subset that is not taken, and takes it;
// nil where there is none.
func (p *pool) next(taken map[string]bool) []int32 {
	for p.outstanding > 0 {
		group := make([]int32, p.channels)
		for c, k := range combin.IndexToCombination(nil, p.at, len(p.near), p.channels) {
			group[c] = p.near[k]
		}
		p.at = (p.at + p.step) % p.subsets
		p.outstanding--
		if key := setOf(group); !taken[key] {
			taken[key] = true
			return group
		}
	}
	return nil
}

// divisor is the greatest common one.
func divisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// setOf names a set of points, whatever their order.
func setOf(group []int32) string {
	sorted := slices.Clone(group)
	slices.Sort(sorted)
	var key []byte
	for _, p := range sorted {
		key = binary.LittleEndian.AppendUint32(key, uint32(p))
	}
	return string(key)
}

// place fills in mean positions and offsets.
func (g *Groups) place(x, y []float64) {
	for first := 0; first < len(g.Indices); first += g.Channels {
		group := g.Indices[first : first+g.Channels]
		var cx, cy float64
		for _, p := range group {
			cx += x[p] / float64(g.Channels)
			cy += y[p] / float64(g.Channels)
		}
		g.Centre = append(g.Centre, cx, cy)
		for _, p := range group {
			g.Offset = append(g.Offset, x[p]-cx, y[p]-cy)
		}
	}
}

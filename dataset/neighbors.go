package dataset

import (
	"cmp"
	"container/heap"
	"math"
	"slices"

	"gonum.org/v1/gonum/spatial/kdtree"
)

// neighbors finds the nearest of the points (x, y) of a scan.
type neighbors struct {
	x, y []float64
	k    int
	tree *kdtree.Tree
}

// place is a position and the points that lie there, at most the first k: so
// a scan that stays at one place is no slower than another.
type place struct {
	at     [2]float64
	points []int32
}

// newNeighbors prepares the search for the k nearest points, k ≤ len(x).
func newNeighbors(x, y []float64, k int) *neighbors {
	if k == 1 {
		return &neighbors{x: x, y: y, k: k} // nothing to search
	}
	found := map[[2]float64]*place{}
	var all places
	for i := range x {
		at := [2]float64{x[i], y[i]}
		p := found[at]
		if p == nil {
			p = &place{at: at}
			found[at] = p
			all = append(all, p)
		}
		if len(p.points) < k {
			p.points = append(p.points, int32(i))
		}
	}
	return &neighbors{x, y, k, kdtree.New(all, false)}
}

// of gives the k nearest neighbours of point i: i itself first, which is its
// own nearest neighbour, then by rising distance, those of one distance by
// rising number.
func (n *neighbors) of(i int) []int32 {
	if n.k == 1 {
		return []int32{int32(i)}
	}
	keeper := &nearest{make(kdtree.Heap, 0, n.k)}
	n.tree.NearestSet(keeper, &place{at: [2]float64{n.x[i], n.y[i]}})
	type candidate struct {
		distance float64
		point    int32
	}
	candidates := []candidate{{-1, int32(i)}}
	for _, c := range keeper.Heap {
		for _, p := range c.Comparable.(*place).points {
			if p != int32(i) {
				candidates = append(candidates, candidate{c.Dist, p})
			}
		}
	}
	slices.SortFunc(candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.point, b.point))
	})
	out := make([]int32, n.k)
	for j := range out {
		out[j] = candidates[j].point
	}
	return out
}

// Compare, Dims and Distance make a place a point of the tree.
func (p *place) Compare(c kdtree.Comparable, d kdtree.Dim) float64 {
	return p.at[d] - c.(*place).at[d]
}

func (p *place) Dims() int { return 2 }

func (p *place) Distance(c kdtree.Comparable) float64 {
	q := c.(*place)
	dx, dy := p.at[0]-q.at[0], p.at[1]-q.at[1]
	return dx*dx + dy*dy
}

// places are what the tree is built from. The pivot is the exact median, so
// that nothing is left to chance.
type places []*place

func (p places) Index(i int) kdtree.Comparable         { return p[i] }
func (p places) Len() int                              { return len(p) }
func (p places) Slice(start, end int) kdtree.Interface { return p[start:end] }

func (p places) Pivot(d kdtree.Dim) int {
	slices.SortFunc(p, func(a, b *place) int {
		return cmp.Or(cmp.Compare(a.at[d], b.at[d]), cmp.Compare(a.at[1-d], b.at[1-d]))
	})
	return len(p) / 2
}

// nearest keeps as many places as its capacity, and of those at one distance
// the ones whose first points have the smallest numbers.
type nearest struct{ kdtree.Heap }

func (n *nearest) Less(i, j int) bool { return farther(n.Heap[i], n.Heap[j]) }

// Max says how far a place may lie to be kept.
func (n *nearest) Max() kdtree.ComparableDist {
	worst := n.Heap[0]
	if len(n.Heap) < cap(n.Heap) {
		worst.Dist = math.Inf(1)
	}
	return worst
}

func (n *nearest) Keep(c kdtree.ComparableDist) {
	switch {
	case len(n.Heap) < cap(n.Heap):
		heap.Push(n, c)
	case farther(n.Heap[0], c):
		n.Heap[0] = c
		heap.Fix(n, 0)
	}
}

func farther(a, b kdtree.ComparableDist) bool {
	if a.Dist != b.Dist {
		return a.Dist > b.Dist
	}
	return a.Comparable.(*place).points[0] > b.Comparable.(*place).points[0]
}

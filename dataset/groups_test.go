package dataset

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// scattered gives n positions; several lie at one place, and the first
// hundred on a raster, where many are as far away as others.
func scattered(n int) (x, y []float64) {
	r := rand.New(rand.NewPCG(1, 2))
	for k := range n {
		switch {
		case k < 100:
			x, y = append(x, float64(k%10)), append(y, float64(k/10))
		case k < 120:
			x, y = append(x, 20), append(y, 7)
		default:
			x, y = append(x, 30*r.Float64()), append(y, 20*r.Float64())
		}
	}
	return x, y
}

// TestNeighbors compares with a search through all points.
func TestNeighbors(t *testing.T) {
	x, y := scattered(300)
	for _, k := range []int{1, 4, 9, 25, 300} {
		tree := newNeighbors(x, y, k)
		for i := range x {
			all := make([]int32, len(x))
			for j := range all {
				all[j] = int32(j)
			}
			distance := func(j int32) float64 {
				if j == int32(i) {
					return -1
				}
				return (x[j]-x[i])*(x[j]-x[i]) + (y[j]-y[i])*(y[j]-y[i])
			}
			slices.SortStableFunc(all, func(a, b int32) int {
				if d := distance(a) - distance(b); d != 0 {
					return int(math.Copysign(1, d))
				}
				return 0
			})
			require.Equal(t, all[:k], tree.of(i), "%d neighbours of point %d", k, i)
		}
	}
}

// TestNeighborsAtOnePlace: a scan that never moves takes no longer than
// another.
func TestNeighborsAtOnePlace(t *testing.T) {
	x, y := make([]float64, 20000), make([]float64, 20000)
	g, err := Group(x, y, GroupOptions{Gridsize: 2, NeighborCount: 4})
	require.NoError(t, err)
	require.Equal(t, 20000, g.Len())
	require.Equal(t, []int32{19999, 0, 1, 2}, g.Indices[4*19999:])
	require.Zero(t, g.Reach())
}

// requireGroups checks what all groups have in common.
func requireGroups(t *testing.T, g *Groups, x, y []float64, count int) {
	t.Helper()
	require.Equal(t, count, g.Len())
	require.Len(t, g.Indices, count*g.Channels)
	for k := range count {
		group := g.Indices[k*g.Channels : (k+1)*g.Channels]
		sorted := slices.Compact(slices.Sorted(slices.Values(group)))
		require.Len(t, sorted, g.Channels, "a pattern is twice in group %d", k)
		var sumX, sumY float64
		for c, i := range group {
			at := 2 * (k*g.Channels + c)
			require.InDelta(t, x[i], g.Centre[2*k]+g.Offset[at], 1e-12)
			require.InDelta(t, y[i], g.Centre[2*k+1]+g.Offset[at+1], 1e-12)
			sumX, sumY = sumX+g.Offset[at], sumY+g.Offset[at+1]
		}
		require.InDelta(t, 0, sumX, 1e-12)
		require.InDelta(t, 0, sumY, 1e-12)
	}
}

// TestGroupByHand: four patterns around (10, 20), one far away.
func TestGroupByHand(t *testing.T) {
	x, y := []float64{9, 12, 100, 9, 10}, []float64{18, 19, 0, 22, 21}
	g, err := Group(x, y, GroupOptions{Gridsize: 2, NeighborCount: 4, Groups: 1, Sequential: true})
	require.NoError(t, err)
	require.Equal(t, []int32{0, 1, 4, 3}, g.Indices, "the seed, then squared distances 10, 10 and 16")
	require.Equal(t, []float64{10, 20}, g.Centre)
	require.Equal(t, []float64{-1, -2, 2, -1, 0, 1, -1, 2}, g.Offset)
	require.Equal(t, 2.0, g.Reach())
	require.Empty(t, g.Warnings)
}

func TestGroup(t *testing.T) {
	x, y := scattered(300)
	for _, c := range []struct{ gridsize, k int }{{1, 4}, {2, 4}, {2, 7}, {3, 9}, {3, 12}} {
		o := GroupOptions{Gridsize: c.gridsize, NeighborCount: c.k, Seed: 3}
		channels := c.gridsize * c.gridsize
		g, err := Group(x, y, o)
		require.NoError(t, err)
		requireGroups(t, g, x, y, 300)
		near := newNeighbors(x, y, c.k)
		for seed := range x {
			group := g.Indices[seed*channels : (seed+1)*channels]
			require.Equal(t, int32(seed), group[0], "every point is a seed, and comes first")
			for _, i := range group {
				require.Contains(t, near.of(seed), i)
			}
		}
		again, err := Group(x, y, o)
		require.NoError(t, err)
		require.Equal(t, g, again)
		o.Seed = 4
		other, err := Group(x, y, o)
		require.NoError(t, err)
		require.Equal(t, c.k > channels && channels > 1, !slices.Equal(g.Indices, other.Indices), "the seed chooses among more than C neighbours")
	}
}

// TestGroupFewer: seeds are chosen at random, or are the first.
func TestGroupFewer(t *testing.T) {
	x, y := scattered(300)
	o := GroupOptions{Gridsize: 2, NeighborCount: 4, Groups: 50, Seed: 3}
	seeds := func() []int32 {
		g, err := Group(x, y, o)
		require.NoError(t, err)
		requireGroups(t, g, x, y, 50)
		var out []int32
		for k := range 50 {
			out = append(out, g.Indices[4*k])
		}
		require.True(t, slices.IsSorted(out))
		require.Len(t, slices.Compact(slices.Clone(out)), 50, "each point is a seed once")
		return out
	}
	some := seeds()
	require.Greater(t, some[49], int32(200), "they are spread over the scan")
	o.Seed++
	require.NotEqual(t, some, seeds())
	o.Sequential = true
	first := seeds()
	require.Equal(t, int32(0), first[0])
	require.Equal(t, int32(49), first[49])
}

// different counts the groups that have other patterns than all others.
func different(g *Groups) int {
	sets := map[string]bool{}
	for k := range g.Len() {
		sets[setOf(g.Indices[k*g.Channels:(k+1)*g.Channels])] = true
	}
	return len(sets)
}

func TestOversample(t *testing.T) {
	x, y := scattered(300)
	o := GroupOptions{Gridsize: 2, NeighborCount: 4, PoolSize: 7, Groups: 1000, Oversample: true, Seed: 5}
	g, err := Group(x, y, o)
	require.NoError(t, err)
	requireGroups(t, g, x, y, 1000)
	require.Equal(t, 1000, different(g))
	require.Empty(t, g.Warnings)

	// Five points have 5 groups of 4; the pool holds all points.
	o.Groups, o.PoolSize = 12, 5
	x, y = x[100:105], []float64{1, 2, 3, 4, 6}
	g, err = Group(x, y, o)
	require.NoError(t, err)
	requireGroups(t, g, x, y, 12)
	require.Equal(t, 5, different(g))
	require.Len(t, g.Warnings, 1)
	require.Contains(t, g.Warnings[0], "7 of the 12 groups have the same patterns as others")
	require.Contains(t, g.Warnings[0], "only 5 different groups")

	o.Groups, o.PoolSize = 6, 50
	g, err = Group(x, y, o)
	require.NoError(t, err)
	require.Contains(t, g.Warnings[0], "neighbor_pool_size is 50, but there are only 5 patterns")
}

// TestPoolGoesThroughAll: each subset comes once, whatever the steps.
func TestPoolGoesThroughAll(t *testing.T) {
	for seed := range uint64(20) {
		taken := map[string]bool{}
		p := newPool([]int32{9, 3, 7, 1, 4, 8}, 4, random(seed, streamGroups))
		for p.next(taken) != nil {
		}
		require.Len(t, taken, 15, "6 over 4")
	}
	require.Equal(t, 60, newPool(make([]int32, 60), 1, random(1, streamGroups)).subsets)
	require.Equal(t, 118264581564861424, newPool(make([]int32, maxPool), 30, random(1, streamGroups)).subsets, "60 over 30, by Python's math.comb")
}

func TestGroupRefuses(t *testing.T) {
	x, y := scattered(20)
	good := GroupOptions{Gridsize: 2, NeighborCount: 4}
	for _, c := range []struct {
		name   string
		change func(o *GroupOptions)
		n      int
		says   string
	}{
		{"K below C", func(o *GroupOptions) { o.NeighborCount = 3 }, 20, "neighbor_count is 3; expected gridsize² = 4 or more"},
		{"too few points", func(*GroupOptions) {}, 3, "gridsize is 2, so a group has gridsize² patterns, but there are 3"},
		{"no points", func(*GroupOptions) {}, 0, "found 0 x and 0 y positions"},
		{"more groups than points", func(o *GroupOptions) { o.Groups = 21 }, 20, "n_groups is 21, but there are 20 patterns; more groups than patterns need gridsize above 1 and enable_oversampling"},
		{"oversampling of single patterns", func(o *GroupOptions) { o.Groups, o.Oversample, o.Gridsize = 21, true, 1 }, 20, "n_groups is 21"},
		{"pool below C", func(o *GroupOptions) { o.Groups, o.Oversample, o.PoolSize = 21, true, 3 }, 20, "neighbor_pool_size is 3; expected gridsize² = 4 to 60"},
		{"pool too large to count", func(o *GroupOptions) { o.Groups, o.Oversample, o.PoolSize = 21, true, 61 }, 20, "neighbor_pool_size is 61"},
		{"no gridsize", func(o *GroupOptions) { o.Gridsize = 0 }, 20, "gridsize is 0"},
		{"gridsize whose square overflows", func(o *GroupOptions) { o.Gridsize = math.MaxInt }, 20, "gridsize is"},
		{"negative", func(o *GroupOptions) { o.Groups = -1 }, 20, "n_groups is -1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := good
			c.change(&o)
			_, err := Group(x[:c.n], y[:c.n], o)
			require.ErrorContains(t, err, "dataset: group: "+c.says)
		})
	}
	_, err := Group([]float64{1, 2, 3, math.NaN()}, y[:4], good)
	require.ErrorContains(t, err, "element 3: found NaN")
	_, err = Group(x, y[:4], good)
	require.ErrorContains(t, err, "found 20 x and 4 y positions")
	g, err := Group(x, y, GroupOptions{Gridsize: 2, NeighborCount: 30})
	require.NoError(t, err)
	require.Equal(t, []string{"neighbor_count is 30, but there are only 20 patterns, which all are neighbours then"}, g.Warnings)
}

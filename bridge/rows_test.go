package bridge

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/graph"
)

func TestRows(t *testing.T) {
	g := graph.NewBuilder(graph.Float32)
	long, short := g.State("long", graph.Float32, 5, 2), g.State("short", graph.Float32, 3)
	i, k := g.Input("i", graph.Int32, 2), g.Input("k", graph.Int32, 1)
	p := &graph.Program{Name: "take", Outputs: []graph.Output{{Name: "a", Node: graph.Gather(long, i)}, {Name: "b", Node: graph.Gather(short, k)}}}
	rows, err := TakenRows(p)
	require.NoError(t, err)
	require.ElementsMatch(t, []Rows{{"i", 5}, {"k", 3}}, rows)

	feeds := func(a, b, c int32) Tensors {
		return Tensors{"i": NewTensor([]int32{a, b}, 2), "k": NewTensor([]int32{c}, 1)}
	}
	require.NoError(t, CheckRows(p, rows, feeds(0, 4, 2)))
	require.EqualError(t, CheckRows(p, rows, feeds(0, 5, 2)), "run take: input i: 5 is outside of the axis, whose length is 5")
	require.EqualError(t, CheckRows(p, rows, feeds(-1, 4, 2)), "run take: input i: -1 is outside of the axis, whose length is 5")
	require.EqualError(t, CheckRows(p, rows, feeds(0, 4, 3)), "run take: input k: 3 is outside of the axis, whose length is 3")

	computed := graph.Gather(short, graph.Reshape(g.Input("j", graph.Int32, 1, 2), 2))
	_, err = TakenRows(&graph.Program{Name: "odd", Outputs: []graph.Output{{Name: "a", Node: computed}}})
	require.EqualError(t, err, "program odd takes rows by numbers that are computed (Reshape); on a GPU they must be an input")
}

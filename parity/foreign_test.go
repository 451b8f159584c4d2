package parity_test

import (
	"errors"
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
	"github.com/ptychobridge/ptychobridge/parity"
)

// fake is a foreign model that keeps what it was fed with.
type fake struct {
	slots  []bridge.Slot
	out    []bridge.Named
	err    error
	inputs bridge.Tensors
}

func (f *fake) Inputs() []bridge.Slot { return f.slots }
func (f *fake) Close() error          { return nil }

func (f *fake) Run(inputs bridge.Tensors) ([]bridge.Named, error) {
	f.inputs = inputs
	if err := bridge.CheckSlots(f.slots, inputs); err != nil {
		return nil, err
	}
	return f.out, f.err
}

func takes(names ...string) (slots []bridge.Slot) {
	for _, name := range names {
		slots = append(slots, bridge.Slot{Name: name})
	}
	return slots
}

func named(name string, t bridge.Tensor) bridge.Named { return bridge.Named{Name: name, Tensor: t} }

func single(name string, data ...float32) bridge.Named {
	return named(name, bridge.NewTensor(data, len(data)))
}

func file(t *testing.T, arrays ...npz.Array) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.npz")
	require.NoError(t, npz.Write(path, arrays...))
	return path
}

func array(key string, data any, shape ...int) npz.Array {
	return npz.Array{Key: key, Data: data, Shape: shape}
}

func compare(first, second *fake, data string, o parity.ForeignOptions) (*parity.ForeignReport, error) {
	return parity.CompareForeign(parity.ForeignModel{Foreign: first, Name: "A"}, parity.ForeignModel{Foreign: second, Name: "B"}, data, o)
}

func TestCompareForeign(t *testing.T) {
	data := file(t, array("x", []float32{1, 2}, 2), array("k", []int64{7}, 1), array("idle", []float64{0}, 1))
	a := &fake{slots: takes("x", "k"), out: []bridge.Named{
		single("y", 1, 2, 4),
		named("wide", bridge.NewTensor([]float64{1, -1e3}, 1, 2)),
		named("place", bridge.NewTensor([]int64{3, 4}, 2)),
	}}
	b := &fake{slots: takes("k", "x"), out: []bridge.Named{
		named("place", bridge.NewTensor([]int64{3, 5}, 2)),
		single("y", 1, 2.0002, 4),
		named("wide", bridge.NewTensor([]float64{1, -1e3 - 1e-4}, 1, 2)),
	}}
	r, err := compare(a, b, data, parity.ForeignOptions{})
	require.NoError(t, err)
	require.Equal(t, bridge.Tensors{"x": bridge.NewTensor([]float32{1, 2}, 2), "k": bridge.NewTensor([]int64{7}, 1)}, a.inputs)
	require.Equal(t, a.inputs, b.inputs)
	require.Equal(t, []string{data + ": neither model reads idle"}, r.Notes)
	require.Len(t, r.Figures, 3)
	for i, want := range []struct {
		output, precision string
		relative, limit   float64
		within            bool
	}{
		{"y", "float32", 0.0002 / 4, 1e-4, true},
		{"wide", "float64", 1e-4 / 1e3, 1e-8, false},
		{"place", "int64", 1.0 / 5, 0, false},
	} {
		f := r.Figures[i]
		require.Equal(t, parity.Foreign, f.Level)
		require.Equal(t, want.output, f.Output)
		require.Equal(t, want.precision, f.Precision)
		require.InEpsilon(t, want.relative, f.Pair.Relative, 1e-3, want.output)
		require.Equal(t, want.limit, f.Limit)
		require.Equal(t, want.within, f.Within)
	}
	require.Equal(t, parity.SideUnknown, r.Figures[1].Off)
	require.False(t, r.Within)

	r, err = compare(a, b, data, parity.ForeignOptions{Limit: 0.3})
	require.NoError(t, err)
	require.True(t, r.Within, "0.2 is the largest")
	r, err = compare(a, b, data, parity.ForeignOptions{Limit: parity.None})
	require.NoError(t, err)
	require.True(t, r.Within)

	b.out[1] = single("y", 1, float32(math.NaN()), 4)
	r, err = compare(a, b, data, parity.ForeignOptions{Limit: 0.3})
	require.NoError(t, err)
	require.False(t, r.Within, "no number is within a limit")
}

// TestForeignNames: which array goes where, and which outputs belong together.
func TestForeignNames(t *testing.T) {
	x, u := array("x", []float32{1, 2}, 2), array("u", []float32{3}, 1)
	tensor := func(v ...float32) bridge.Tensor { return bridge.NewTensor(v, len(v)) }
	for name, c := range map[string]struct {
		arrays        []npz.Array
		first, second *fake
		options       map[string]string
		fed           [2]bridge.Tensors
		figures       []string
		notes         []string
	}{
		"by order": {
			arrays: []npz.Array{x},
			first:  &fake{slots: takes("x"), out: []bridge.Named{single("output_0", 1), single("output_1", 2)}},
			second: &fake{slots: []bridge.Slot{{Name: "shift", Optional: true}, {Name: "image"}}, out: []bridge.Named{single("out.0", 1), single("out.1", 2)}},
			fed:    [2]bridge.Tensors{{"x": tensor(1, 2)}, {"image": tensor(1, 2)}}, figures: []string{"output_0 = out.0", "output_1 = out.1"},
			notes: []string{
				"input image of B takes the array x, matched by order",
				"output output_0 of A is held against out.0 of B, matched by order", "output output_1 of A is held against out.1 of B, matched by order",
			},
		},
		"an array for each": {
			arrays: []npz.Array{x, u},
			first:  &fake{slots: takes("x"), out: []bridge.Named{single("y", 1)}},
			second: &fake{slots: takes("u"), out: []bridge.Named{single("y", 1)}},
			fed:    [2]bridge.Tensors{{"x": tensor(1, 2)}, {"u": tensor(3)}}, figures: []string{"y"},
		},
		"by a map that crosses": {
			arrays: []npz.Array{x, u},
			first:  &fake{slots: takes("x", "u"), out: []bridge.Named{single("y", 1), single("z", 2)}},
			second: &fake{slots: takes("a", "b"), out: []bridge.Named{single("y", 2), single("v", 1)}},
			// without the map x is a and y is y
			options: map[string]string{"x": "b", "u": "a", "y": "v", "z": "y"},
			fed:     [2]bridge.Tensors{{"x": tensor(1, 2), "u": tensor(3)}, {"b": tensor(1, 2), "a": tensor(3)}}, figures: []string{"y = v", "z = y"},
		},
		"an output too many": {
			arrays: []npz.Array{x},
			first:  &fake{slots: takes("x"), out: []bridge.Named{single("y", 1)}},
			second: &fake{slots: takes("x"), out: []bridge.Named{single("more", 1), single("y", 1)}},
			fed:    [2]bridge.Tensors{{"x": tensor(1, 2)}, {"x": tensor(1, 2)}}, figures: []string{"y"},
			notes: []string{"output more of B has no partner and is not compared"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := compare(c.first, c.second, file(t, c.arrays...), parity.ForeignOptions{Map: c.options})
			require.NoError(t, err)
			require.Equal(t, c.fed, [2]bridge.Tensors{c.first.inputs, c.second.inputs})
			require.Len(t, r.Figures, len(c.figures))
			for i, f := range r.Figures {
				require.Equal(t, c.figures[i], f.Output)
				require.Zero(t, f.Pair.Absolute, f.Output)
			}
			require.Equal(t, c.notes, r.Notes)
		})
	}
}

func TestForeignFaults(t *testing.T) {
	x := array("x", []float32{1, 2, 3, 4, 5, 6}, 2, 3)
	good := func() *fake { return &fake{slots: takes("x"), out: []bridge.Named{single("y", 1)}} }
	gives := func(out ...bridge.Named) *fake { return &fake{slots: takes("x"), out: out} }
	asks := func(s bridge.Slot) *fake { return &fake{slots: []bridge.Slot{s}, out: []bridge.Named{single("y", 1)}} }
	matrix := func(rows, columns int) *fake {
		return gives(named("y", bridge.NewTensor(make([]float32, rows*columns), 1, rows, columns)))
	}
	for want, c := range map[string]struct {
		first, second *fake
		array         npz.Array
		options       map[string]string
	}{
		"found no array x for the input of A; the file holds: z": {good(), good(), array("z", []float32{1}, 1), nil},
		"found no array u or x for the input of A":               {&fake{slots: takes("u")}, good(), array("z", []float32{1}, 1), nil},
		`data.npz: key "x", input x of B: found float32[2,3], expected float64[2,3]`: {
			good(), asks(bridge.Slot{Name: "x", DType: "float64", Shape: []int{2, 3}}), x, nil,
		},
		`data.npz: key "x", input x of A: found float32[2,3], expected float32[?,2,1]`: {
			asks(bridge.Slot{Name: "x", DType: "float32", Shape: []int{-1, 2, 1}}), good(), x, nil,
		},
		`data.npz: key "x", input x of A: found dtype <c8, expected float32, float64, int32 or int64`: {good(), good(), array("x", []complex64{1i}, 1), nil},
		"it failed": {good(), &fake{slots: takes("x"), err: errors.New("it failed")}, x, nil},
		"map: found no input or output y of A that could be z of B; outputs are y and y":     {good(), good(), x, map[string]string{"y": "z"}},
		"found the outputs u of A and v, w of B; expected names that match, or a map":        {gives(single("u", 1)), gives(single("v", 1), single("w", 1)), x, nil},
		"found the outputs (nothing) of A and (nothing) of B":                                {gives(), gives(), x, nil},
		"output y of A float32[1,2,3] and output y of B float32[1,3,2]; expected one shape,": {matrix(2, 3), matrix(3, 2), x, nil},
		"and axes are not permuted here":                                                     {matrix(2, 3), matrix(3, 2), x, nil},
		"output y of A float32[1,2,3] and output y of B float32[1,2,2]; expected one shape":  {matrix(2, 3), matrix(2, 2), x, nil},
		"output y of A float32[0], which has no elements":                                    {gives(single("y")), gives(single("y")), x, nil},
	} {
		_, err := compare(c.first, c.second, file(t, c.array), parity.ForeignOptions{Map: c.options})
		require.ErrorContains(t, err, "parity: foreign: ")
		require.ErrorContains(t, err, want)
	}
	_, err := compare(good(), good(), "nowhere.npz", parity.ForeignOptions{})
	require.ErrorContains(t, err, "nowhere.npz")
}

func TestParseMap(t *testing.T) {
	m, err := parity.ParseMap([]string{"output_0=out.0", "x=image"})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"output_0": "out.0", "x": "image"}, m)
	for _, pairs := range [][]string{{"x"}, {"=x"}, {"x="}, {"x=a", "x=b"}, {"x=a", "u=a"}} {
		_, err := parity.ParseMap(pairs)
		require.ErrorContains(t, err, "parity: map: ")
	}
}

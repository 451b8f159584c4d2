package report

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestChartPlaces: the axes run from 50 to 348 and from 196 up to 34; with
// ranges that are given, a point is where the straight line says.
func TestChartPlaces(t *testing.T) {
	c := Chart{
		X: "frequency", Y: "FRC", ToX: .5, ToY: 1, Levels: []Level{{"1/4", .25}, {"beyond", 3}},
		Lines: []Line{{"amplitude", []float64{0, .25}, []float64{1, 0}}, {"phase", []float64{.5}, []float64{.5}}},
	}
	p := c.plot()
	require.Equal(t, "M50.0 34.0L199.0 196.0", p.Lines[0].D)
	require.Equal(t, "M348.0 115.0h0", p.Lines[1].D, "a point alone is a dot")
	require.Equal(t, []int{1, 2}, []int{p.Lines[0].Number, p.Lines[1].Number})
	require.Equal(t, []place{{"155.5", "1/4"}}, p.Levels)
	require.Equal(t, place{"50.0", "0"}, p.XTicks[0])
	require.Equal(t, place{"109.6", "0.1"}, p.XTicks[1])
	require.Equal(t, place{"163.6", "0.2"}, p.YTicks[1])
	require.Equal(t, "FRC over frequency: amplitude from 1 to 0; phase from 0.5 to 0.5.", p.Description)
	// Letters are 6 wide: phase begins 5 letters, amplitude 9 before its end.
	require.Equal(t, "318", p.Lines[1].Text)
	require.Equal(t, "228", p.Lines[0].Text, "22 + 4 + 10 before phase's 26")
}

// TestChartLog: powers of ten lie at even distances; where a value is not
// above 0 the axis is linear.
func TestChartLog(t *testing.T) {
	c := Chart{Log: true, FromY: 1, ToY: 100, Lines: []Line{{"deviance", []float64{1, 2, 3}, []float64{100, 10, 1}}}}
	p := c.plot()
	require.Equal(t, "M50.0 34.0L199.0 115.0L348.0 196.0", p.Lines[0].D)
	require.Equal(t, []place{{"196.0", "1"}, {"171.6", "2"}, {"139.4", "5"}, {"115.0", "10"}, {"90.6", "20"}, {"58.4", "50"}, {"34.0", "100"}}, p.YTicks)
	c.Lines[0].Y[2], c.FromY = 0, 0
	require.Equal(t, "M50.0 34.0L199.0 179.8L348.0 196.0", c.plot().Lines[0].D)
	c = Chart{Log: true, Lines: []Line{{"deviance", []float64{1, 2}, []float64{1e-9, 1e9}}}}
	require.Equal(t, []string{"10⁻⁹", "10⁻⁶", "0.001", "1", "1000", "10⁶", "10⁹"}, labels(c.plot().YTicks), "of 19 powers every third")
	c = Chart{Log: true, Lines: []Line{{"deviance", []float64{1, 2}, []float64{2.11, 2.14}}}}
	require.GreaterOrEqual(t, len(c.plot().YTicks), 2)
}

// TestChartScaled: a power of ten that is too long for the labels is in the
// axis' name; curves and levels lie where they lay.
func TestChartScaled(t *testing.T) {
	c := Chart{X: "epoch", Y: "loss", Levels: []Level{{"best", -2.5e6}}, Lines: []Line{{"training", []float64{1, 2, 3}, []float64{-2e6, -2.5e6, -3e6}}}}
	p := c.plot()
	require.Equal(t, "loss (10⁶)", p.Y)
	require.Equal(t, []string{"−3.0", "−2.5", "−2.0"}, labels(p.YTicks))
	require.Equal(t, "115.0", p.Levels[0].At, "the middle of 34 to 196")
	require.Contains(t, p.Lines[0].D, "L199.0 115.0L")
	require.Equal(t, -2.5e6, c.Lines[0].Y[1], "what was given is as it was")
	c.Y, c.Levels, c.Lines[0].Y, c.FromY, c.ToY = "rate", nil, []float64{1e-5, 2e-5, 4e-5}, 0, 4e-5
	p = c.plot()
	require.Equal(t, "rate (10⁻⁵)", p.Y)
	require.Equal(t, []string{"0", "1", "2", "3", "4"}, labels(p.YTicks))
	c.Lines[0].Y, c.FromY, c.ToY = []float64{0, 0, 0}, 0, 0
	require.Equal(t, "rate", c.plot().Y)
}

func labels(places []place) []string {
	var all []string
	for _, p := range places {
		all = append(all, p.Label)
	}
	return all
}

// TestChartGaps: values that are not finite interrupt a curve, and a chart
// without one that is, is none.
func TestChartGaps(t *testing.T) {
	nan := math.NaN()
	x := []float64{1, 2, 3, 4, 5, 6}
	c := Chart{FromX: 1, ToX: 6, ToY: 1, Lines: []Line{
		{"training", x, []float64{0, nan, 1, 1, math.Inf(1), 0}},
		{"validation", x, []float64{nan, nan, nan, nan, nan, nan}},
	}}
	p := c.plot()
	require.Len(t, p.Lines, 1)
	require.Equal(t, "M50.0 196.0h0M169.2 34.0L228.8 34.0M348.0 196.0h0", p.Lines[0].D)
	require.Empty(t, p.Lines[0].Text, "one line needs no legend")
	c.Lines = c.Lines[1:]
	require.Nil(t, c.plot())
	require.Nil(t, Chart{}.plot())
}

// TestChartEpochs: one epoch is a dot in the middle; of a thousand every one is
// drawn, of a hundred thousand at most 2001 and the last.
func TestChartEpochs(t *testing.T) {
	curve := func(n int, value float64) Chart {
		l := Line{Name: "loss"}
		for i := range n {
			l.X, l.Y = append(l.X, float64(i+1)), append(l.Y, value-float64(i))
		}
		return Chart{X: "epoch", Y: "loss", Whole: true, Lines: []Line{l}}
	}
	for _, value := range []float64{-449.3, 1e-3, 0, 3, 1e12} {
		p := curve(1, value).plot()
		require.Equal(t, "M199.0 115.0h0", p.Lines[0].D, "%g", value)
		require.Equal(t, []place{{"199.0", "1"}}, p.XTicks)
		require.NotEmpty(t, p.YTicks)
	}
	require.Equal(t, 1000, strings.Count(curve(1000, 0).plot().Lines[0].D, " "))
	long := curve(100_001, 0).plot().Lines[0].D
	require.LessOrEqual(t, strings.Count(long, " "), maxPoints+1)
	require.Equal(t, 1, strings.Count(long, "M"))
	require.True(t, strings.HasPrefix(long, "M50.0 "))
	require.Regexp(t, `L348\.0 [0-9.]+$`, long)
}

func TestNumbers(t *testing.T) {
	for want, v := range map[string]float64{
		"0": 0, "1": 1, "−0.5": -.5, "0.7657": .76571, "449.3": 449.31, "12346": 12345.6, "−440557": -440557,
		"1 · 10⁹": 1e9, "−1.234 · 10⁻⁷": -1.2341e-7, "0.0001": 1e-4, "–": math.NaN(),
	} {
		require.Equal(t, want, Number(v))
	}
	require.Equal(t, none, Number(math.Inf(-1)))
	require.Equal(t, []string{"0", "9999", "12\u202f345", "2\u202f331\u202f772"}, []string{Integer(0), Integer(9999), Integer(12345), Integer(2331772)})
}

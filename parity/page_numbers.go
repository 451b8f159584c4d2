package parity

import (
	"math"
	"strconv"
	"strings"

	"github.com/ptychobridge/ptychobridge/report"
)

// short writes a distance with two digits; what is no number is endless.
func short(v float64) string {
	if math.IsNaN(v) || v >= math.MaxFloat64 {
		return "∞"
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 2, 64), 64) // just written
	return report.Number(rounded)
}

// times writes how many times its limit a figure is away. What is not at the
// limit is not rounded to it.
func (f Figure) times() string {
	c := f.closeness()
	text := short(c)
	switch {
	case c > 0 && c < 1e-4:
		text = "< 0.0001"
	case c < 1 && text == "1":
		text = "< 1"
	case c > 1 && text == "1":
		text = "> 1"
	}
	return text + " × limit"
}

// steps writes a distance in representable values.
func steps(ulp uint64) string {
	switch {
	case ulp == math.MaxUint64:
		return "∞"
	case ulp < 1e6:
		return integer(int(ulp))
	}
	return short(float64(ulp))
}

// percent writes a share so that only all is 100 % and only nothing 0 %.
func percent(share float64) string {
	switch {
	case share == 0 || share == 1:
		return strconv.Itoa(int(100*share)) + " %"
	case share < .001:
		return "< 0.1 %"
	case share > .999:
		return "> 99.9 %"
	}
	return strconv.FormatFloat(100*share, 'f', 1, 64) + " %"
}

// count writes a number of things.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return integer(n) + " " + what + "s"
}

// integer groups digits as report does.
func integer(n int) string { return report.Integer(n) }

// joined writes whole numbers.
func joined(values []int, by string) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = strconv.Itoa(v)
	}
	return strings.Join(words, by)
}

package report

import (
	"math"
	"strconv"
	"strings"
)

// tick is a marked value of an axis.
type tick struct {
	value float64
	label string
}

// ticks are the multiples of a step of 1, 2 or 5 times a power of ten that lie
// in a range, at most some n of them, with steps of at least smallest.
func ticks(low, high float64, n int, smallest float64) []tick {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/float64(n))))
	for _, factor := range []float64{1, 2, 5, 10} {
		if (high-low)/(step*factor) <= float64(n) {
			step *= factor
			break
		}
	}
	step = max(step, smallest)
	var found []tick
	const rounding = 1e-9
	for k := range n + 2 {
		value := (math.Ceil(low/step-rounding) + float64(k)) * step
		if value > high+rounding*step {
			break
		}
		found = append(found, tick{value, label(value, step)})
	}
	return found
}

// label writes a multiple of step with the digits that step needs.
func label(value, step float64) string {
	digits := max(0, int(-math.Floor(math.Log10(step)+1e-9)))
	text := strconv.FormatFloat(value, 'f', digits, 64)
	if digits > 4 || math.Abs(value) >= 1e6 {
		text = strconv.FormatFloat(value, 'g', 4, 64)
	}
	if math.Abs(value) < step/2 {
		text = "0"
	}
	return strings.Replace(text, "-", "−", 1)
}

package report

import (
	"math"
	"strconv"
	"strings"
)

// none stands for a number that there is not.
const none = "–"

// Number writes a value with four digits for people: a real minus sign, a
// power of ten where there are many zeros, a dash for what is not finite.
func Number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	digits, exponent, scientific := strings.Cut(strconv.FormatFloat(v, 'g', 4, 64), "e")
	if a := math.Abs(v); scientific && a >= 1e4 && a < 1e6 {
		digits, scientific = strconv.FormatFloat(v, 'f', 0, 64), false
	}
	if scientific {
		power, _ := strconv.Atoi(exponent) // FormatFloat wrote it
		digits += " · " + Power(power)
	}
	return strings.ReplaceAll(digits, "-", "−")
}

func maybe(v *float64) string {
	if v == nil {
		return none
	}
	return Number(*v)
}

var superscripts = strings.NewReplacer(
	"-", "⁻", "0", "⁰", "1", "¹", "2", "²", "3", "³", "4", "⁴", "5", "⁵", "6", "⁶", "7", "⁷", "8", "⁸", "9", "⁹")

// Power writes a power of ten: 10⁻⁷.
func Power(power int) string { return "10" + superscripts.Replace(strconv.Itoa(power)) }

// Integer writes a count with narrow spaces between groups of three digits.
func Integer(n int) string {
	digits := strconv.Itoa(n)
	if n < 1e4 {
		return digits
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return digits
}

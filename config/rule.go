package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// rule is the range of one setting by itself.
type rule[T any] struct {
	text string
	ok   func(T) bool
}

func oneOf[T comparable](values ...T) rule[T] {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprint(v)
	}
	text := words[len(words)-1]
	if len(words) > 1 {
		text = strings.Join(words[:len(words)-1], ", ") + " or " + text
	}
	return rule[T]{text, func(v T) bool { return slices.Contains(values, v) }}
}

func anything[T any](text string) rule[T] { return rule[T]{text, func(T) bool { return true }} }

func atLeast(least int) rule[int] {
	return rule[int]{fmt.Sprintf("%d or more", least), func(v int) bool { return v >= least }}
}

func whole(least, most int) rule[int] {
	return rule[int]{fmt.Sprintf("%d to %d", least, most), func(v int) bool { return least <= v && v <= most }}
}

var (
	trueOrFalse = anything[bool]("true or false")
	seed        = anything[uint64]("0 or more")
	noneOrSeed  = anything[*uint64]("0 or more, or nothing")

	positive    = rule[float64]{"a finite number above 0", func(v float64) bool { return v > 0 && v <= math.MaxFloat64 }}
	notNegative = rule[float64]{"a finite number, 0 or more", func(v float64) bool { return v >= 0 && v <= math.MaxFloat64 }}
	fraction    = rule[float64]{"0 to 1", func(v float64) bool { return v >= 0 && v <= 1 }}
	belowOne    = rule[float64]{"0 or more and below 1", func(v float64) bool { return v >= 0 && v < 1 }}
	insideOne   = rule[float64]{"above 0 and below 1", func(v float64) bool { return v > 0 && v < 1 }}
	filterScale = rule[float64]{"above 0, at most 64", func(v float64) bool { return v > 0 && v <= 64 }}

	text = rule[string]{"text", func(v string) bool {
		return utf8.ValidString(v) && !strings.ContainsFunc(v, unicode.IsControl)
	}}
	device = rule[string]{"auto, cpu, cuda or cuda:N", isDevice}
)

func isDevice(v string) bool {
	number, numbered := strings.CutPrefix(v, "cuda:")
	if !numbered {
		return v == "auto" || v == "cpu" || v == "cuda"
	}
	n, err := strconv.ParseUint(number, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == number
}

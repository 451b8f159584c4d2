package config

import (
	"errors"
	"fmt"
	"strconv"
)

// Kind is the type of a setting's value.
type Kind int

// The kinds of settings.
const (
	Whole        Kind = iota // int
	Seed                     // uint64
	OptionalSeed             // *uint64; its text is empty where it is not set
	Number                   // float64
	Switch                   // bool
	Text                     // string
)

// String is the kind's word in a usage text.
func (k Kind) String() string {
	return [...]string{"int", "uint", "uint", "float", "bool", "string"}[k]
}

// want says which text a kind is read from.
func (k Kind) want() string {
	return [...]string{
		"a whole number in plain digits",
		"a whole number from 0 to 2⁶⁴−1 in plain digits",
		"a whole number from 0 to 2⁶⁴−1 in plain digits, or nothing",
		"a number",
		"true or false",
		"text (in a file: in quotes where it could be read as something else)",
	}[k]
}

// tags are the YAML types a kind is read from.
func (k Kind) tags() []string {
	return [...][]string{
		{"!!int"}, {"!!int"}, {"!!int", "!!null"}, {"!!int", "!!float"}, {"!!bool"}, {"!!str"},
	}[k]
}

func kindOf(pointer any) Kind {
	switch p := pointer.(type) {
	case *int:
		return Whole
	case *uint64:
		return Seed
	case **uint64:
		return OptionalSeed
	case *float64:
		return Number
	case *bool:
		return Switch
	case *string:
		return Text
	default:
		panic(fmt.Sprintf("config: BUG: a setting of type %T", p))
	}
}

var errNotPlain = errors.New("not written in plain digits")

// parse reads text into the value that pointer points to. Whole numbers are
// decimal and as they would be printed: what YAML takes for octal is refused.
func parse(pointer any, text string) (err error) {
	switch p := pointer.(type) {
	case *int:
		if *p, err = strconv.Atoi(text); err == nil && strconv.Itoa(*p) != text {
			err = errNotPlain
		}
	case *uint64:
		if *p, err = strconv.ParseUint(text, 10, 64); err == nil && strconv.FormatUint(*p, 10) != text {
			err = errNotPlain
		}
	case **uint64:
		*p = nil
		if text != "" {
			*p = new(uint64)
			err = parse(*p, text)
		}
	case *float64:
		*p, err = strconv.ParseFloat(text, 64)
	case *bool:
		*p, err = strconv.ParseBool(text)
	case *string:
		*p = text
	}
	return err
}

// format is the inverse of parse.
func format(pointer any) string {
	switch p := pointer.(type) {
	case **uint64:
		if *p == nil {
			return ""
		}
		return strconv.FormatUint(**p, 10)
	case *float64:
		return strconv.FormatFloat(*p, 'g', -1, 64)
	case *int:
		return strconv.Itoa(*p)
	case *uint64:
		return strconv.FormatUint(*p, 10)
	case *bool:
		return strconv.FormatBool(*p)
	default:
		return *pointer.(*string)
	}
}

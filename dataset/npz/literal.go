package npz

import (
	"fmt"
	"math"
	"strings"
)

// tuple is a Python tuple; a list is []any.
type tuple []any

// maxDepth bounds how deep a literal may nest.
const maxDepth = 8

// parseLiteral reads the part of Python's literals that NPY headers are
// written in: a dictionary with text keys, tuples, lists, text without
// escapes, whole numbers ≥ 0, True, False and None. Nothing but white space
// may follow.
func parseLiteral(text string) (any, error) {
	p := &literal{text: text}
	value, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(text) {
		return nil, p.found("the end")
	}
	return value, nil
}

type literal struct {
	text string
	at   int
}

// found is the error for what stands at the current place.
func (p *literal) found(expected string) error {
	rest := p.text[min(p.at, len(p.text)):]
	return fmt.Errorf("found %.20q at character %d; expected %s", rest, p.at, expected)
}

func (p *literal) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// take skips white space and then the byte c, where it is the next one.
func (p *literal) take(c byte) bool {
	p.space()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *literal) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, p.found("at most 8 levels")
	}
	p.space()
	if p.at == len(p.text) {
		return nil, p.found("a value")
	}
	switch c := p.text[p.at]; {
	case c == '{':
		return p.dict(depth)
	case c == '(':
		return p.tuple(depth)
	case c == '[':
		p.at++
		items, _, err := p.items(']', depth)
		return items, err
	case c == '\'' || c == '"':
		return p.str()
	case c >= '0' && c <= '9':
		return p.number()
	}
	return p.word()
}

func (p *literal) word() (any, error) {
	for _, w := range []struct {
		name  string
		value any
	}{{"True", true}, {"False", false}, {"None", nil}} {
		if strings.HasPrefix(p.text[p.at:], w.name) {
			p.at += len(w.name)
			return w.value, nil
		}
	}
	return nil, p.found("a value")
}

func (p *literal) dict(depth int) (any, error) {
	p.at++
	out := map[string]any{}
	for !p.take('}') {
		if p.at == len(p.text) || p.text[p.at] != '\'' && p.text[p.at] != '"' {
			return nil, p.found("a key in quotes")
		}
		key, err := p.str()
		if err != nil {
			return nil, err
		}
		if _, twice := out[key]; twice {
			return nil, fmt.Errorf("found the key %.40q twice", key)
		}
		if !p.take(':') {
			return nil, p.found("a colon")
		}
		if out[key], err = p.value(depth + 1); err != nil {
			return nil, err
		}
		if p.take(',') {
			continue
		}
		if !p.take('}') {
			return nil, p.found("a comma or }")
		}
		break
	}
	return out, nil
}

// tuple reads (), (3,) and (3, 4); (3) is no tuple but a number in brackets.
func (p *literal) tuple(depth int) (any, error) {
	p.at++
	items, comma, err := p.items(')', depth)
	if err != nil {
		return nil, err
	}
	if len(items) == 1 && !comma {
		return items[0], nil
	}
	return tuple(items), nil
}

// items reads values up to end, and says whether a comma stood before it.
func (p *literal) items(end byte, depth int) (out []any, comma bool, err error) {
	out = []any{}
	for !p.take(end) {
		value, err := p.value(depth + 1)
		if err != nil {
			return nil, false, err
		}
		out = append(out, value)
		if comma = p.take(','); comma {
			continue
		}
		if !p.take(end) {
			return nil, false, p.found("a comma or " + string(end))
		}
		break
	}
	return out, comma, nil
}

func (p *literal) str() (string, error) {
	quote := p.text[p.at]
	length := strings.IndexByte(p.text[p.at+1:], quote)
	if length < 0 {
		return "", p.found("a closing quote")
	}
	s := p.text[p.at+1 : p.at+1+length]
	if strings.ContainsAny(s, "\\\n") {
		return "", p.found("text without escapes")
	}
	p.at += length + 2
	return s, nil
}

// number reads a whole number; Python 2 wrote an L behind long ones.
func (p *literal) number() (any, error) {
	n := 0
	for ; p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9'; p.at++ {
		digit := int(p.text[p.at] - '0')
		if n > (math.MaxInt64-digit)/10 {
			return nil, p.found("a smaller number")
		}
		n = 10*n + digit
	}
	if p.at < len(p.text) && p.text[p.at] == 'L' {
		p.at++
	}
	return n, nil
}

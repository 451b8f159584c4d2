package parity

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
	"github.com/ptychobridge/ptychobridge/wholefile"
)

// Outcome is what a process hands over: who computed and what came out.
type Outcome struct {
	Info    bridge.Info `json:"runtime"`
	SHA256  string      `json:"sha256,omitempty"` // of the native library
	Seconds float64     `json:"seconds"`
	Arrays  []array     `json:"arrays"`

	Record Record `json:"-"`
}

// array says which array of the NPZ file is which figure.
type array struct {
	Name  string `json:"name"`
	Key   Key    `json:"key"`
	Shape []int  `json:"shape"`
}

// Names of the files of an outcome.
const (
	arraysFile  = "arrays.npz"
	outcomeFile = "outcome.json"
)

// Save writes the outcome into a directory, the description last, so that one
// that can be read is whole.
func (o Outcome) Save(directory string) error {
	keys := make([]Key, 0, len(o.Record))
	for k := range o.Record {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b Key) int { return strings.Compare(a.String(), b.String()) })
	var arrays []npz.Array
	o.Arrays = nil
	for i, k := range keys {
		t := o.Record[k]
		name := fmt.Sprintf("a%05d", i)
		o.Arrays = append(o.Arrays, array{Name: name, Key: k, Shape: t.Shape})
		arrays = append(arrays, npz.Array{Key: name, Data: widened(t.Data), Shape: t.Shape})
	}
	if err := npz.Write(filepath.Join(directory, arraysFile), arrays...); err != nil {
		return fmt.Errorf("parity: %w", err)
	}
	text, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("parity: outcome: %w", err)
	}
	return wholefile.WriteBytes(filepath.Join(directory, outcomeFile), text)
}

// widened gives elements as an NPZ file can hold them: int32 as int64.
func widened(data any) any {
	whole, ok := data.([]int32)
	if !ok {
		return data
	}
	wide := make([]int64, len(whole))
	for i, v := range whole {
		wide[i] = int64(v)
	}
	return wide
}

// LoadOutcome reads what Save wrote.
func LoadOutcome(directory string) (Outcome, error) {
	var o Outcome
	text, err := os.ReadFile(filepath.Join(directory, outcomeFile))
	if err != nil {
		return o, fmt.Errorf("parity: outcome: %w", err)
	}
	if err := json.Unmarshal(text, &o); err != nil {
		return o, fmt.Errorf("parity: outcome: %s: %w", directory, err)
	}
	f, err := npz.Open(filepath.Join(directory, arraysFile))
	if err != nil {
		return o, fmt.Errorf("parity: outcome: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	o.Record = Record{}
	for _, a := range o.Arrays {
		t, err := readTensor(f, a.Name)
		if err != nil {
			return o, fmt.Errorf("parity: outcome: %w", err)
		}
		t.Shape = a.Shape
		o.Record[a.Key] = t
	}
	return o, nil
}

func readTensor(f *npz.File, name string) (bridge.Tensor, error) {
	m, ok := f.Member(name)
	if !ok {
		return bridge.Tensor{}, fmt.Errorf("array %s is missing", name)
	}
	switch {
	case m.Integer():
		wide, err := npz.Read[int64](f, name)
		return bridge.Tensor{Data: narrow(wide)}, err
	case m.ItemSize() == 8:
		v, err := npz.Read[float64](f, name)
		return bridge.Tensor{Data: v}, err
	}
	v, err := npz.Read[float32](f, name)
	return bridge.Tensor{Data: v}, err
}

// MarshalText makes a key of four words.
func (k Key) MarshalText() ([]byte, error) {
	return []byte(strings.Join([]string{string(k.Level), k.Experiment, k.Precision, k.Output}, "\t")), nil
}

// UnmarshalText reads what MarshalText made.
func (k *Key) UnmarshalText(text []byte) error {
	words := strings.Split(string(text), "\t")
	if len(words) != 4 {
		return fmt.Errorf("key %q: expected four words", text)
	}
	*k = Key{Level: Level(words[0]), Experiment: words[1], Precision: words[2], Output: words[3]}
	if !slices.Contains(Precisions(), k.Precision) {
		return fmt.Errorf("key %q: no precision %s", text, words[2])
	}
	return nil
}

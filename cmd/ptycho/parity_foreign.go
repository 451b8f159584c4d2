package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/parity"
	"github.com/ptychobridge/ptychobridge/selector"
)

// foreign are the flags of a comparison of exported models.
type foreign struct {
	savedModel, signature, script, input string
	names                                []string
	limit                                float64
}

func (o *foreign) register(f *pflag.FlagSet) {
	f.StringVar(&o.savedModel, "tf-saved-model", "", "directory of a SavedModel that TensorFlow exported")
	f.StringVar(&o.signature, "signature", "", "signature of the SavedModel; default: serving_default, or the only one")
	f.StringVar(&o.script, "torch-script", "", "file of a TorchScript module that PyTorch exported")
	f.StringVar(&o.input, "input", "", "NPZ file with an array for each input of the two")
	f.StringArrayVar(&o.names, "map", nil, "name in the SavedModel=name in the module, of an input or output; may be repeated")
	f.Float64Var(&o.limit, "limit", 0, "largest |difference| / largest |value| allowed of an output; 0: 1e-4 in float32, 1e-8 in float64; below 0: none")
}

func (o *foreign) wanted() bool {
	return o.savedModel != "" || o.script != "" || o.input != "" || o.signature != "" || len(o.names) > 0 || o.limit != 0
}

// foreignFlags are all that a comparison of exported models has.
var foreignFlags = []string{"tf-saved-model", "signature", "torch-script", "input", "map", "limit", "threads", "json", "quiet"}

func (o *foreign) check(c *cobra.Command) (map[string]string, error) {
	var faults []error
	c.Flags().Visit(func(f *pflag.Flag) {
		if !slices.Contains(foreignFlags, f.Name) {
			faults = append(faults, fmt.Errorf("--%s does not go with a comparison of exported models", f.Name))
		}
	})
	for _, f := range []struct{ flag, value string }{{"tf-saved-model", o.savedModel}, {"torch-script", o.script}, {"input", o.input}} {
		if f.value == "" {
			faults = append(faults, fmt.Errorf("--%s is missing; a comparison of exported models needs --tf-saved-model, --torch-script and --input", f.flag))
		}
	}
	names, err := parity.ParseMap(o.names)
	if err := errors.Join(append(faults, err)...); err != nil {
		return nil, usageError{err}
	}
	return names, nil
}

// compareForeign compares two exported models.
func (p *comparison) compareForeign(c *cobra.Command) error {
	o := p.foreign
	names, err := o.check(c)
	if err != nil {
		return err
	}
	options := bridge.Options{Threads: p.threads, Deterministic: true}
	first, err := selector.OpenSavedModel(o.savedModel, o.signature, options)
	if err != nil {
		return err
	}
	defer first.Close() //nolint:errcheck // its errors are those of freeing memory
	second, err := selector.OpenTorchScript(o.script, options)
	if err != nil {
		return err
	}
	defer second.Close() //nolint:errcheck // likewise
	r, err := parity.CompareForeign(parity.ForeignModel{Foreign: first, Name: o.savedModel}, parity.ForeignModel{Foreign: second, Name: o.script},
		o.input, parity.ForeignOptions{Map: names, Limit: o.limit})
	if err != nil {
		return err
	}
	if p.json {
		err = p.printJSON(r)
	} else {
		err = parity.WriteForeignTable(p.stdout, r)
	}
	if err == nil && !r.Within {
		err = quiet{errors.New("the models are not within the limits")}
	}
	return err
}

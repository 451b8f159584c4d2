package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ptychobridge/ptychobridge/dataset"
)

func simulateCommand(a *app) *cobra.Command {
	o := dataset.SimulateOptions{}
	var output string
	var force bool
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Make a data file of a simulated scan",
		Long: `Simulates the scan of an object that is known, with Poisson noise, and writes
it as a data file. The file holds the true object, so that a reconstruction
can be judged.`,
		Example: `  ptycho simulate --output scan.npz
  ptycho simulate --output star.npz --object siemens --nphotons 1e6
  ptycho simulate --output cells.npz --object cells --scan jitter`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkOutput(output, force); err != nil {
				return err
			}
			var raw *dataset.Raw
			err := interruptible(c.Context(), func() (err error) {
				raw, err = dataset.Simulate(o)
				return err
			})
			if err != nil {
				return usageError{err}
			}
			if err := raw.Write(output); err != nil {
				return err
			}
			return a.printSimulated(output, raw)
		},
	}
	f := c.Flags()
	f.StringVarP(&output, "output", "o", "simulated.npz", "file to write")
	f.BoolVar(&force, "force", false, "overwrite the file")
	f.StringVar(&o.Object, "object", dataset.ObjectSmooth, "object: "+alternatives(dataset.SimulatedObjects()))
	f.StringVar(&o.Scan, "scan", dataset.ScanRaster, "scan: "+alternatives(dataset.SimulatedScans()))
	f.StringVar(&o.ProbeForm, "probe", dataset.ProbeDisc, "probe: "+alternatives(dataset.SimulatedProbes())+", which is as measured probes are")
	f.IntVar(&o.Patterns, "patterns", 400, "number of patterns")
	f.IntVar(&o.N, "N", 64, "side of a pattern in pixels")
	f.Float64Var(&o.Step, "step", 0, "distance of neighbouring positions in pixels; 0: from --overlap")
	f.Float64Var(&o.Overlap, "overlap", 0, "overlap as a share of the probe's diameter; 0: 0.65")
	f.Float64Var(&o.NPhotons, "nphotons", 1e9, "photons in a mean pattern")
	f.Float64Var(&o.Correlation, "correlation", 0, "length in pixels over which a smooth object changes; 0: N/16")
	f.Uint64Var(&o.Seed, "seed", 42, "seed of object, positions and noise")
	completeValues(c, "object", dataset.SimulatedObjects()...)
	completeValues(c, "scan", dataset.SimulatedScans()...)
	completeValues(c, "probe", dataset.SimulatedProbes()...)
	_ = c.MarkFlagFilename("output", "npz") // it was just made
	return c
}

func alternatives(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

func (a *app) printSimulated(output string, raw *dataset.Raw) error {
	photons := dataset.MeanPhotons(raw.Amplitude, raw.N)
	if a.json {
		return json.NewEncoder(a.stdout).Encode(map[string]any{"path": output, "patterns": raw.Len(), "N": raw.N, "mean_photons": photons, "metadata": raw.Metadata})
	}
	_, err := fmt.Fprintf(a.stdout, "wrote %s: %d patterns of %d×%d, %.6g photons in a mean one\n", output, raw.Len(), raw.N, raw.N, photons)
	return err
}

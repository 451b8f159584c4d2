package main

import "github.com/spf13/cobra"

func trainCommand(a *app) *cobra.Command {
	r := &runner{app: a, trainOnly: true}
	c := &cobra.Command{
		Use:   "train",
		Short: "Train on a scan and keep the model",
		Long: `Trains the network on the patterns of a data file as run does and reconstructs
nothing: the model, the settings and the losses are written into a new
directory. A test file serves for validation. ptycho infer reconstructs with
the model. Without a data file, a small scan is simulated.

Settings come from flags, a --config file, a --preset, the data file's metadata
and the defaults, in that order. --resume goes on with a training that was
stopped, of train or of run, as run --resume does; run --resume goes on with
either too and reconstructs.`,
		Example: `  ptycho train --train-data-file scan.npz --nphotons 4.4e5
  ptycho train --train-data-file scan.npz --test-data-file other.npz
  ptycho train --config run.yaml --backend pytorch --output-dir model
  ptycho train --resume training_outputs/1`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return r.run(c) },
	}
	r.register(c, "model", "data", "training", "execution")
	return c
}

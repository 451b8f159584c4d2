package main

import (
	"errors"
	"fmt"
	"image"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ptychobridge/ptychobridge/evaluate"
)

func evaluateCommand(a *app) *cobra.Command {
	e := &evaluation{app: a}
	c := &cobra.Command{
		Use:   "evaluate RUN",
		Short: "Compare a reconstruction with a reference object or another run",
		Long: `Compares the object of a run with a reference and prints how well they agree.
RUN is a run's directory or an NPZ file with object, such as reconstruction.npz.

The reference is the objectGuess of the data file that the run names, or what
--reference gives: an NPZ file with objectGuess or object, or the directory of
another run, for example of the other backend.

The shift between the two is found to 1/100 of a pixel and undone, and the plane
of each phase and the factor of the amplitude are taken off. Errors are means
over the pixels that both have; SSIM, MS-SSIM and Fourier ring correlation are
computed on the largest rectangle without gaps among them.`,
		Example: `  ptycho evaluate training_outputs/1
  ptycho evaluate training_outputs/1 --reference training_outputs/2
  ptycho evaluate reconstruction.npz --reference scan.npz --json`,
		Args: oneArgument("the directory of a run or an NPZ file"),
		RunE: func(_ *cobra.Command, args []string) error { return e.run(args[0]) },
	}
	f := c.Flags()
	f.StringVar(&e.reference, "reference", "", "NPZ file with objectGuess or object, or a run's directory; default: the run's data file")
	f.StringVar(&e.area, "area", "", "object pixels to compare, x0,y0,x1,y1, the last ones left out; default: the scanned area")
	f.BoolVar(&e.still, "no-registration", false, "leave a shift between the two as it is")
	f.StringVar(&e.remove, "remove", evaluate.RemovePlane, "what to take from both phases: plane or mean")
	f.StringVarP(&e.output, "output", "o", "", "JSON file to write the metrics to")
	f.BoolVar(&e.force, "force", false, "overwrite that file")
	completeValues(c, "remove", evaluate.RemovePlane, evaluate.RemoveMean)
	return c
}

// evaluation is one call of the command.
type evaluation struct {
	*app
	reference, area, remove, output string
	still, force                    bool
}

// evaluated is what the command gives as JSON.
type evaluated struct {
	Object    string           `json:"object"`
	Reference string           `json:"reference"`
	Metrics   evaluate.Metrics `json:"metrics"`
}

func (e *evaluation) run(path string) error {
	area, err := e.check()
	if err != nil {
		return err
	}
	object, err := readObject(path)
	if err != nil {
		return fmt.Errorf("evaluate: %w", err)
	}
	reference, err := e.readReference(object)
	if err != nil {
		return fmt.Errorf("evaluate: %w", err)
	}
	if area.Empty() {
		area = object.scanned.Intersect(reference.scanned)
	}
	m, err := evaluate.Evaluate(object.Object, reference.Object, area, evaluate.Options{NoRegistration: e.still, Remove: e.remove})
	if err != nil {
		return fmt.Errorf("%s and %s: %w", object.path, reference.path, err)
	}
	result := evaluated{Object: object.path, Reference: reference.path, Metrics: m}
	if e.output != "" {
		if err := writeJSON(e.output, result); err != nil {
			return err
		}
	}
	if e.json {
		return e.printJSON(result)
	}
	for _, note := range m.Notes {
		e.warn(note)
	}
	_, err = fmt.Fprint(e.stdout, table(object, reference, m))
	return err
}

// check judges the flags before anything is read.
func (e *evaluation) check() (image.Rectangle, error) {
	area, err := parseArea(e.area)
	if err == nil && e.remove != evaluate.RemovePlane && e.remove != evaluate.RemoveMean {
		err = fmt.Errorf("--remove: found %q; expected %s or %s", e.remove, evaluate.RemovePlane, evaluate.RemoveMean)
	}
	if err == nil && e.output != "" {
		err = checkOutput(e.output, e.force)
	}
	if err != nil {
		return area, usageError{err}
	}
	return area, nil
}

// parseArea reads x0,y0,x1,y1. No text is the empty area.
func parseArea(text string) (image.Rectangle, error) {
	if text == "" {
		return image.Rectangle{}, nil
	}
	var bounds []int
	var faults []error
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		bounds, faults = append(bounds, n), append(faults, err)
	}
	if errors.Join(faults...) != nil || len(bounds) != 4 || bounds[0] >= bounds[2] || bounds[1] >= bounds[3] {
		return image.Rectangle{}, fmt.Errorf("--area: found %q; expected four whole numbers x0,y0,x1,y1 with x0 < x1 and y0 < y1", text)
	}
	return image.Rect(bounds[0], bounds[1], bounds[2], bounds[3]), nil
}

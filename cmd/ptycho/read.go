package main

import (
	"errors"
	"io/fs"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
)

// given is an error about a file that the user has named: where the file is not
// there, it is one of the command line.
func given(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return usageError{err}
	}
	return err
}

// readData loads a data file that the user has named. A kind that its patterns
// contradict is a fault of the configuration too.
func readData(path string, c config.DataConfig) (*dataset.Raw, error) {
	raw, err := dataset.Load(path, reading(c))
	if err != nil && contradicted(path, c) {
		return nil, usageError{err}
	}
	return raw, given(err)
}

// reading says how a data file is to be read.
func reading(c config.DataConfig) dataset.Options {
	return dataset.Options{Kind: c.Kind, FlipX: c.FlipX, FlipY: c.FlipY, SwapXY: c.SwapXY, CoordScale: c.CoordScale}
}

// contradicted says whether nothing is wrong with a data file that cannot be
// loaded but the kind that was set.
func contradicted(path string, c config.DataConfig) bool {
	if c.Kind == dataset.KindAuto {
		return false
	}
	c.Kind = dataset.KindAuto
	_, err := dataset.Load(path, reading(c))
	return err == nil
}

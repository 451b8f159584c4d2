package bundle

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// notConverted says what to do with a model of the reference program.
const notConverted = "this version cannot convert it; train the model again from its data file with: ptycho run --train-data-file FILE"

// noBundle is the error of a directory without a bundle, which may hold a
// model of the reference program.
func noBundle(directory string) error {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".h5.zip") {
			return fmt.Errorf("%w: the directory holds %s, a model of PtychoPINN, and no %s; %s", ErrForeign, e.Name(), FileName, notConverted)
		}
	}
	return fmt.Errorf("%w: there is no %s in it; it is in the output directory of a run that trained", ErrNoBundle, FileName)
}

// notZip tells a damaged archive from a file that never was one.
func notZip(r io.ReaderAt, cause error) error {
	start := make([]byte, 8)
	n, _ := r.ReadAt(start, 0) // a short file is what it is
	start = start[:n]
	switch {
	case n == 0:
		return fmt.Errorf("%w: the file is empty", ErrDamaged)
	case bytes.HasPrefix(start, []byte("PK")):
		return fmt.Errorf("%w: the archive's end cannot be read, as after a copy that was cut off: %w", ErrDamaged, cause)
	case bytes.Equal(start, []byte("\x89HDF\r\n\x1a\n")):
		return fmt.Errorf("%w: an HDF5 file, perhaps weights of Keras or a model of PtychoPINN; %s", ErrForeign, notConverted)
	}
	return fmt.Errorf("%w: no zip archive: %w", ErrForeign, cause)
}

// withoutManifest tells what an archive without a manifest is.
func withoutManifest(archive *zip.Reader) error {
	for _, f := range archive.File {
		if f.Name == weightsName {
			return fmt.Errorf("%w: %s is missing", ErrDamaged, manifestName)
		}
	}
	for _, f := range archive.File {
		if isReference(f.Name) {
			return fmt.Errorf("%w: it holds %q, as a model of PtychoPINN does (wts.h5.zip); %s", ErrForeign, f.Name, notConverted)
		}
	}
	return fmt.Errorf("%w: a zip archive without %s", ErrForeign, manifestName)
}

// isReference recognises the members of an archive of the reference program:
// pickled objects, Keras and TensorFlow models, Lightning checkpoints.
func isReference(name string) bool {
	extensions := []string{".h5", ".hdf5", ".dill", ".pkl", ".pickle", ".keras", ".pb", ".ckpt", ".pt", ".pth"}
	return slices.Contains(extensions, strings.ToLower(path.Ext(name)))
}

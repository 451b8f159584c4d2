// Package wholefile writes files that appear complete or not at all: another
// process that opens the path sees the old content or the new one, never a part,
// also when the machine stops between.
package wholefile

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Write writes what content writes into the file path, in place of what was
// there: under another name in the same directory, synchronised to the disk,
// then renamed. The permissions are those of a file that os.Create makes. Errors
// are those of content and of the file system, among them a directory that does
// not exist; path is as it was then, unless only the directory could not be
// synchronised after the rename.
func Write(path string, content func(io.Writer) error) error {
	directory := filepath.Dir(path)
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(directory), renameio.WithPermissions(0o666))
	if err != nil {
		return err
	}
	defer f.Cleanup() //nolint:errcheck // the first error counts
	buffered := bufio.NewWriterSize(f, 1<<16)
	if err := content(buffered); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return syncDirectory(directory)
}

// WriteBytes is Write for content that is there already, with its errors.
func WriteBytes(path string, content []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// syncDirectory makes a rename lasting.
func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

package workflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// CheckpointInfo says what a checkpoint's file holds.
type CheckpointInfo struct {
	File           string    `json:"file"` // its name
	Bytes          int64     `json:"bytes"`
	Steps          int       `json:"steps"`                     // optimizer steps that were made
	Epochs         int       `json:"epochs"`                    // that have ended
	Batches        int       `json:"batches"`                   // trained on in the epoch after them
	ValidationLoss *float64  `json:"validation_loss,omitempty"` // of the last epoch that has ended; nil: none has
	Best           bool      `json:"best"`                      // best.json names it
	Backend        string    `json:"backend"`                   // that trained it last
	Created        time.Time `json:"created"`
	Problem        string    `json:"problem,omitempty"` // why a training cannot go on from it; the rest is then not known
}

// Checkpoints says what the checkpoints at path hold, the newest first: those
// in a run's directory or in its checkpoints directory, or the file path.
// Each file is read and checked whole; one with a fault has a Problem. A
// directory without checkpoints gives none.
func Checkpoints(path string) ([]CheckpointInfo, error) {
	out, err := checkpoints(path)
	if err != nil {
		return nil, fmt.Errorf("workflow: checkpoints: %w", err)
	}
	return out, nil
}

func checkpoints(path string) ([]CheckpointInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []CheckpointInfo{checkpointInfo(path, bestIn(filepath.Dir(path)))}, nil
	}
	if sub := filepath.Join(path, CheckpointDirectory); isDirectory(sub) {
		path = sub
	}
	files, err := list(path)
	if err != nil {
		return nil, err
	}
	lowest := bestIn(path)
	var out []CheckpointInfo
	for _, f := range files {
		c := checkpointInfo(filepath.Join(path, f.name), lowest)
		if c.Problem != "" {
			if _, err := os.Stat(filepath.Join(path, f.name)); errors.Is(err, fs.ErrNotExist) {
				continue // a training that runs has just removed it
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// checkpointInfo reads a file; lowest is the name of the best one.
func checkpointInfo(path, lowest string) CheckpointInfo {
	out := CheckpointInfo{File: filepath.Base(path)}
	out.Best = out.File == lowest
	if info, err := os.Stat(path); err == nil {
		out.Bytes = info.Size()
	}
	c, err := readCheckpoint(path)
	if err != nil {
		out.Problem = err.Error()
		return out
	}
	out.Steps, out.Epochs, out.Batches = c.at.Steps, c.at.Epochs, c.at.Batches
	out.Backend, out.Created = c.bundle.Manifest.Backend, c.bundle.Manifest.Created
	if n := len(c.at.History); n > 0 {
		out.ValidationLoss = &c.at.History[n-1].ValidationLoss
	}
	return out
}

// bestIn is the name that a directory's best.json holds, empty where there is
// none.
func bestIn(directory string) string {
	content, err := os.ReadFile(filepath.Join(directory, bestName))
	var b best
	if err != nil || json.Unmarshal(content, &b) != nil {
		return ""
	}
	return b.File
}

package main

import (
	"fmt"
	"strings"

	"github.com/ptychobridge/ptychobridge/workflow"
)

// checkpointFiles are the checkpoints of a training.
type checkpointFiles struct {
	Kind        string                    `json:"kind"` // checkpoints
	Path        string                    `json:"path"`
	Checkpoints []workflow.CheckpointInfo `json:"checkpoints"` // the newest first
}

// inspectCheckpoints gives nil where there are none.
func inspectCheckpoints(path string) (inspected, error) {
	all, err := workflow.Checkpoints(path)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &checkpointFiles{Kind: "checkpoints", Path: path, Checkpoints: all}, nil
}

func (c *checkpointFiles) table() string {
	var s sheet
	s.path(c.Kind, c.Path)
	s.checkpoints(c.Checkpoints)
	return s.String()
}

// checkpoints adds a table. The batches of an epoch that has not ended are in
// the file's name.
func (s *sheet) checkpoints(all []workflow.CheckpointInfo) {
	line := func(cells ...any) {
		fmt.Fprintln(s, strings.TrimRight(fmt.Sprintf("%-33s %6v %6v %12v %8v %s", cells...), " "))
	}
	line("checkpoint", "steps", "epochs", "validation", "size", "")
	for _, c := range all {
		if c.Problem != "" {
			fmt.Fprintf(s, "%s cannot be read: %s\n", c.File, harmless(c.Problem))
			continue
		}
		validation, mark := "–", ""
		if c.ValidationLoss != nil {
			validation = fmt.Sprintf("%.6g", *c.ValidationLoss)
		}
		if c.Best {
			mark = "best"
		}
		line(c.File, c.Steps, c.Epochs, validation, size(c.Bytes), mark)
	}
}

// wordCheckpoint says where a training stood.
func wordCheckpoint(c workflow.CheckpointInfo) string {
	words := []string{fmt.Sprintf("%d steps", c.Steps), fmt.Sprintf("%d epochs", c.Epochs)}
	if c.Batches > 0 {
		words[1] += fmt.Sprintf(" and %d batches", c.Batches)
	}
	if c.ValidationLoss != nil {
		words = append(words, fmt.Sprintf("validation %.6g", *c.ValidationLoss))
	}
	words = append(words, size(c.Bytes))
	if c.Best {
		words = append(words, "the best")
	}
	return strings.Join(words, ", ")
}

// size words a number of bytes.
func size(bytes int64) string {
	if bytes < 1e6 {
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

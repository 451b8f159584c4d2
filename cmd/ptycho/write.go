package main

import (
	"time"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/report"
	"github.com/ptychobridge/ptychobridge/wholefile"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// write writes the files of a run that has succeeded; the model is there
// already.
func (r *runner) write(d *directory, results *workflow.Results) (*runRecord, error) {
	files := []string{fileConfig, fileBundle, fileHistory}
	if r.simulated || r.train.Path == d.file(fileSimulated) {
		files = append(files, fileSimulated)
	}
	history, err := workflow.HistoryCSV(results.History)
	if err != nil {
		return nil, err
	}
	if err := wholefile.WriteBytes(d.file(fileHistory), history); err != nil {
		return nil, err
	}
	if !r.trainOnly && results.Object == nil { // the patches are all there is
		if err := writePredictions(d.file(filePredictions), results, nil); err != nil {
			return nil, err
		}
		files = append(files, filePredictions)
	}
	s, err := r.writeObject(d, results, r.reconstructed().Object)
	if err != nil {
		return nil, err
	}
	if exists(d.file(dirCheckpoints)) {
		files = append(files, dirCheckpoints+"/")
	}
	record := &runRecord{
		Results: results, Command: r.command(), Program: versionLine(), Finished: now(),
		Inputs: []inputRecord{input(r.train)}, Metrics: s.short(), Sources: sources(r.resolved),
		Files: append(append(files, s.files...), fileReport, fileRun),
	}
	inputs := []*dataset.Raw{r.train}
	if r.test != nil {
		record.Inputs, inputs = append(record.Inputs, input(r.test)), append(inputs, r.test)
	}
	if err := report.WriteHTML(d.file(fileReport), page(record, r.resolved, s, inputs...)); err != nil {
		return nil, err
	}
	return record, writeJSON(d.file(fileRun), record)
}

// command is the command's name in run.json.
func (r *runner) command() string {
	if r.trainOnly {
		return "train"
	}
	return "run"
}

func input(raw *dataset.Raw) inputRecord {
	return inputRecord{Path: raw.Path, SHA256: raw.SHA256, Patterns: raw.Len()}
}

func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// sources says where settings come from that are no defaults.
func sources(r config.Resolved) map[string]string {
	out := map[string]string{}
	for key, source := range r.Sources {
		if source != "default" {
			out[key] = source
		}
	}
	return out
}

// reconstructed is the file whose object was reconstructed.
func (r *runner) reconstructed() *dataset.Raw {
	if r.test != nil {
		return r.test
	}
	return r.train
}

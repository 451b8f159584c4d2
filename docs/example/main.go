// Command example reconstructs the scan in the data file that is its argument
// and writes the amplitude of the object to amplitude.png.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/report"
	"github.com/ptychobridge/ptychobridge/selector"
)

func main() {
	cfg := config.DefaultTraining()
	flag.StringVar(&cfg.Backend, "backend", cfg.Backend, "tensorflow or pytorch")
	flag.Parse()
	scan, err := dataset.Load(flag.Arg(0), dataset.Options{})
	check(err)
	cfg.Model.N, cfg.NPhotons = scan.N, dataset.MeanPhotons(scan.Amplitude, scan.N)
	cfg.NEpochs, cfg.OutputDir = 5, "" // a real run takes 50; nothing but the picture is written
	_, _, results, err := selector.RunCDIExampleWithBackend(context.Background(), scan, nil, cfg, selector.DoStitching(true))
	check(err)
	picture, err := report.Amplitude(results.Object, results.Object.Scanned)
	check(err)
	check(report.WriteImage("amplitude.png", picture))
	fmt.Printf("deviance per pixel: %.3g\n", results.History[len(results.History)-1].ValidationDeviance)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

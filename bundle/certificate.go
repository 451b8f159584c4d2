package bundle

import (
	"fmt"
	"time"
)

// Certificate says how far two runtimes agreed on a bundle's model, in the
// words of a report of package parity.
type Certificate struct {
	Created    time.Time        `json:"created"`
	Program    string           `json:"program"`
	DataSHA256 string           `json:"data_sha256"` // of the scan on which they were compared
	Within     bool             `json:"within"`      // every figure was within its budget
	Runtimes   []Certified      `json:"runtimes"`
	Levels     []CertifiedLevel `json:"levels"`
}

// Certified is a runtime that was compared.
type Certified struct {
	Backend string `json:"backend"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"` // of the native library
	Device  string `json:"device"`
}

// CertifiedLevel is a level of the comparison in one precision. Largest is the
// largest |difference| / largest |value| of a tensor between the runtimes.
type CertifiedLevel struct {
	Level     string  `json:"level"`
	Precision string  `json:"precision"`
	Figures   int     `json:"figures"`
	Outside   int     `json:"outside"`
	Largest   float64 `json:"largest"`
}

// Certify puts a certificate into the manifest of the bundle at path, in place
// of an earlier one. All else stays as it is; the file is replaced whole or not
// at all. Errors are those of Read and Write.
func Certify(path string, c Certificate) error {
	b, err := Read(path)
	if err != nil {
		return err
	}
	b.Manifest.Parity = &c
	if err := Write(path, *b); err != nil {
		return fmt.Errorf("bundle: certify: %w", err)
	}
	return nil
}

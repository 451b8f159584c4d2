package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// CertificateSchema is the version of a certificate's form. It rises where a
// reader of an earlier one would read it wrongly.
const CertificateSchema = "ptychobridge.certificate/1"

// Certificate says how far two runtimes agreed on a bundle's model, in the
// words of a report of package parity. A model is read whatever form its
// certificate has: one that is not known is kept as it is, and Known is false.
type Certificate struct {
	Schema     string           `json:"schema"` // CertificateSchema; empty: written before there was one, in the same form
	Created    time.Time        `json:"created"`
	Program    string           `json:"program"`
	DataSHA256 string           `json:"data_sha256"` // of the scan on which they were compared
	Within     bool             `json:"within"`      // every figure was within its budget
	Runtimes   []Certified      `json:"runtimes"`
	Levels     []CertifiedLevel `json:"levels"`

	unknown json.RawMessage // the whole of it, where its form is not known
}

// Known says whether the certificate has a form that this version reads. If
// not, no field but Schema means anything.
func (c Certificate) Known() bool { return c.unknown == nil }

// UnmarshalJSON reads a certificate of any form.
func (c *Certificate) UnmarshalJSON(text []byte) error {
	var version struct {
		Schema string `json:"schema"`
	}
	type plain Certificate
	var read plain
	err := json.Unmarshal(text, &version)
	if known := version.Schema == "" || version.Schema == CertificateSchema; err == nil && known {
		if err = json.Unmarshal(text, &read); err == nil {
			*c = Certificate(read)
			return nil
		}
	}
	*c = Certificate{Schema: version.Schema, unknown: bytes.Clone(text)}
	return nil
}

// MarshalJSON writes one whose form is not known as it was read.
func (c Certificate) MarshalJSON() ([]byte, error) {
	if !c.Known() {
		return c.unknown, nil
	}
	type plain Certificate
	return json.Marshal(plain(c))
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

// Certify puts a certificate, of CertificateSchema, into the manifest of the
// bundle at path, in place of an earlier one of any form. All else stays as it is; the file is replaced whole or not
// at all. Errors are those of Read and Write.
func Certify(path string, c Certificate) error {
	b, err := Read(path)
	if err != nil {
		return err
	}
	c.Schema = CertificateSchema
	b.Manifest.Parity = &c
	if err := Write(path, *b); err != nil {
		return fmt.Errorf("bundle: certify: %w", err)
	}
	return nil
}

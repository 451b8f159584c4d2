package parity

import "github.com/ptychobridge/ptychobridge/bundle"

// Certifies lists the levels without which a report says nothing of a model.
func Certifies() []Level { return []Level{Network, Physics, Loss, Gradient} }

// Certificate is the report in short, for the manifest of the model that was
// compared: the levels that are of that model.
func (r *Report) Certificate() bundle.Certificate {
	c := bundle.Certificate{Created: r.Created, Program: r.Program, DataSHA256: r.DataSHA256, Within: r.Within}
	for _, x := range r.Runtimes {
		c.Runtimes = append(c.Runtimes, bundle.Certified{Backend: x.Backend, Version: x.Version, SHA256: x.SHA256, Device: x.Device})
	}
	for _, l := range r.Levels {
		if l.Level == Operation || l.Level == Reconstruction {
			continue // not of this model: operations have none, a reconstruction trains one
		}
		c.Levels = append(c.Levels, bundle.CertifiedLevel{
			Level: string(l.Level), Precision: l.Precision, Figures: l.Figures, Outside: l.Outside, Largest: l.Pair,
		})
	}
	return c
}

// Package physics holds the measurement as graph functions: shift patches,
// merge them to an object, illuminate it with the probe, diffract the exit
// wave, compare with the counts (Hoidn, Mishra and Mehta, Sci. Rep. 13, 22789,
// 2023). Values are graph.Nodes, complex ones a Complex of two, and all but
// Bright can be differentiated. Diffract keeps the light: the intensities on the
// detector sum to that of the exit wave. Losses are scalars in float64, whatever
// the type of what they compare.
//
// Images are [batch, row, column]; a position or offset is (x, y) with x the
// column and y the row, in object pixels. A scan position is the centre of its
// patch: patch pixel (i, j) is object pixel (y − N/2 + i, x − N/2 + j).
package physics

import "github.com/ptychobridge/ptychobridge/graph"

// Complex is a complex value as a pair of real values of one shape.
type Complex struct{ Re, Im *graph.Node }

// Polar is a·e^{iφ} for an amplitude a and a phase φ in radians, of one shape.
func Polar(amplitude, phase *graph.Node) Complex {
	return Complex{graph.Mul(amplitude, graph.Cos(phase)), graph.Mul(amplitude, graph.Sin(phase))}
}

// Mul is the complex product, element by element, with broadcasting.
func (z Complex) Mul(w Complex) Complex {
	return Complex{
		graph.Sub(graph.Mul(z.Re, w.Re), graph.Mul(z.Im, w.Im)),
		graph.Add(graph.Mul(z.Re, w.Im), graph.Mul(z.Im, w.Re)),
	}
}

// SquaredModulus is |z|² = re² + im², element by element. A modulus needs an ε
// under its root, see ModulusEpsilon.
func (z Complex) SquaredModulus() *graph.Node {
	return graph.Add(graph.Mul(z.Re, z.Re), graph.Mul(z.Im, z.Im))
}

// both applies one real operation to both parts.
func (z Complex) both(f func(*graph.Node) *graph.Node) Complex {
	return Complex{f(z.Re), f(z.Im)}
}

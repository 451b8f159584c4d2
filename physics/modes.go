package physics

import "github.com/ptychobridge/ptychobridge/graph"

// Illuminate gives the exit waves ψ = P_p·o of object patches [B, N, N] under
// the modes of a probe [P, N, N]. The result is [B·P, N, N], the modes of a
// patch one after the other.
func Illuminate(object, probe Complex) Complex {
	o, p := object.Re.Shape, probe.Re.Shape
	if p[0] == 1 {
		return object.Mul(probe)
	}
	spread := func(z Complex, first, second int) Complex {
		return z.both(func(x *graph.Node) *graph.Node { return graph.Reshape(x, first, second, o[1], o[2]) })
	}
	exit := spread(object, o[0], 1).Mul(spread(probe, 1, p[0]))
	return exit.both(func(x *graph.Node) *graph.Node { return graph.Reshape(x, o[0]*p[0], o[1], o[2]) })
}

// SumModes adds the intensities [B·P, N, N] of each patch's modes, which do
// not interfere (Thibault and Menzel, Nature 494, 68, 2013), to [B, N, N].
func SumModes(intensity *graph.Node, modes int) *graph.Node {
	if modes == 1 {
		return intensity
	}
	return sumGroups(intensity, modes)
}

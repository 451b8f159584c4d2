// Package parity measures how far two runtimes agree, level by level, from
// single operations to a reconstructed object, with the float64 evaluator as a
// third opinion that says which side is off. Every experiment is a graph
// program with its inputs, made here from fixed seeds, so that each runtime
// computes the same thing in a process of its own; what they give is then
// compared against named budgets.
package parity

import "slices"

// Level is how much of the program an experiment takes in.
type Level string

// The levels, from the smallest to the whole.
const (
	Operation      Level = "operation"      // every operation of the table, forward and gradient
	Layer          Level = "layer"          // values between the blocks of the network
	Network        Level = "network"        // amplitude and phase of the object patches
	Physics        Level = "physics"        // object patches to predicted intensities
	Loss           Level = "loss"           // loss and deviance
	Gradient       Level = "gradient"       // of the loss, by each parameter
	Step           Level = "step"           // weights and moments after one optimizer step
	Training       Level = "training"       // losses, and the predicted object, over k steps
	Reconstruction Level = "reconstruction" // the stitched object of a whole training
)

// Levels lists all levels in their order.
func Levels() []Level {
	return []Level{Operation, Layer, Network, Physics, Loss, Gradient, Step, Training, Reconstruction}
}

// order is the place of a level.
func (l Level) order() int { return slices.Index(Levels(), l) }

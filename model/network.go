package model

import (
	"fmt"
	"math"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/graph"
)

// filters gives, for each side N of a pattern, the channels of the encoder's
// and decoders' stages and of the border block, to be multiplied by
// n_filters_scale.
var filters = map[int]struct {
	encoder, decoder []int
	border           int
}{
	64:  {[]int{32, 64, 128}, []int{64, 32}, 32},
	128: {[]int{16, 32, 64, 128}, []int{128, 64, 32}, 16},
	256: {[]int{8, 16, 32, 64, 128}, []int{256, 128, 64, 32}, 8},
}

// borderChannels is how many of the last decoder channels make the border of
// the object patch.
const borderChannels = 4

// network makes the layers of one model; its parameters are states.
type network struct {
	b          *graph.Builder
	config     config.ModelConfig
	parameters *[]Parameter    // in the order of first use; nil: not collected
	layers     *[]graph.Output // values between the blocks; nil: not collected
}

// layer collects the value of a block under its name.
func (n *network) layer(name string, x *graph.Node) *graph.Node {
	if n.layers != nil {
		*n.layers = append(*n.layers, graph.Output{Name: name, Node: x})
	}
	return x
}

// heads is the network: from the input [B, N, N, C], the amplitudes divided by
// exp(log_scale), to amplitude and phase [B, N, N, K] of object patches, one
// encoder and two decoders.
func (n *network) heads(input *graph.Node) (amplitude, phase *graph.Node) {
	code := n.encoder(input)
	amplitude = n.decoder(code, "amplitude", activations[n.config.AmpActivation])
	phase = n.decoder(code, "phase", func(x *graph.Node) *graph.Node { return graph.Scale(graph.Tanh(x), math.Pi) })
	return amplitude, phase
}

// activations are the choices for the amplitude.
var activations = map[string]func(*graph.Node) *graph.Node{
	"sigmoid":  graph.Sigmoid,
	"swish":    swish,
	"softplus": graph.Softplus,
	"relu":     graph.Relu,
}

func swish(x *graph.Node) *graph.Node { return graph.Mul(x, graph.Sigmoid(x)) }

// encoder: conv-ReLU, conv-ReLU, 2×2 max-pool a stage, down to 8×8.
func (n *network) encoder(x *graph.Node) *graph.Node {
	for i, f := range filters[n.config.N].encoder {
		name := fmt.Sprintf("encoder.%d", i)
		x = n.layer(name, graph.MaxPool(n.twoConvs(x, name, n.count(f))))
	}
	return x
}

// decoder: conv-ReLU, conv-ReLU, nearest ×2 a stage, up to N/2, then the head.
func (n *network) decoder(x *graph.Node, name string, activation func(*graph.Node) *graph.Node) *graph.Node {
	for i, f := range filters[n.config.N].decoder {
		stage := fmt.Sprintf("%s.decoder.%d", name, i)
		x = n.layer(stage, graph.Upsample(n.twoConvs(x, stage, n.count(f))))
	}
	if !n.config.PadObject {
		return n.layer(name, activation(n.layer(name+".full", n.fullSize(x, name+".full"))))
	}
	return n.layer(name, n.paddedHead(x, name, activation))
}

// paddedHead makes the central N/2 square from all but the last channels, with
// zeros around it, and adds (probe_big) a border made from the last ones.
func (n *network) paddedHead(x *graph.Node, name string, activation func(*graph.Node) *graph.Node) *graph.Node {
	s := x.Shape
	inner := s[3] - borderChannels
	quarter := n.config.N / 4
	centre := graph.Slice(x, []int{0, 0, 0, 0}, []int{s[0], s[1], s[2], inner})
	centre = activation(n.layer(name+".centre", n.conv(centre, name+".centre", n.outputs())))
	centre = graph.Pad(centre, []int{0, quarter, quarter, 0}, []int{0, quarter, quarter, 0})
	if !n.config.ProbeBig {
		return centre
	}
	last := graph.Slice(x, []int{0, 0, 0, inner}, []int{s[0], s[1], s[2], borderChannels})
	border := swish(n.layer(name+".border", n.fullSize(last, name+".border")))
	return graph.Add(centre, graph.Mul(border, n.b.Const(outsideCentre(n.config.N), 1, n.config.N, n.config.N, 1)))
}

// fullSize: conv-ReLU, conv-ReLU, nearest ×2, one convolution to K channels.
func (n *network) fullSize(x *graph.Node, name string) *graph.Node {
	x = n.twoConvs(x, name, n.count(filters[n.config.N].border))
	return n.conv(graph.Upsample(x), name+".head", n.outputs())
}

func (n *network) twoConvs(x *graph.Node, name string, out int) *graph.Node {
	x = graph.Relu(n.conv(x, name+".conv0", out))
	return graph.Relu(n.conv(x, name+".conv1", out))
}

// conv is a 3×3 convolution with stride 1, same padding and bias.
func (n *network) conv(x *graph.Node, name string, out int) *graph.Node {
	kernel := n.parameter(name+".kernel", 3, 3, x.Shape[3], out)
	bias := n.parameter(name+".bias", out)
	return graph.BiasAdd(graph.Conv(x, kernel), bias)
}

func (n *network) parameter(name string, shape ...int) *graph.Node {
	if n.parameters != nil {
		*n.parameters = append(*n.parameters, Parameter{Name: name, Shape: shape})
	}
	return n.b.State(name, n.b.Float(), shape...)
}

// count is a number of channels after n_filters_scale.
func (n *network) count(f int) int { return int(math.Round(float64(f) * n.config.NFiltersScale)) }

// outputs is K: the object patches that the network makes of one group.
func (n *network) outputs() int {
	if n.config.ObjectBig {
		return n.config.Gridsize * n.config.Gridsize
	}
	return 1
}

// outsideCentre is 0 in the central N/2 square, 1 elsewhere.
func outsideCentre(n int) []float64 {
	mask := make([]float64, n*n)
	for i := range mask {
		r, c := i/n, i%n
		if r < n/4 || r >= n-n/4 || c < n/4 || c >= n-n/4 {
			mask[i] = 1
		}
	}
	return mask
}

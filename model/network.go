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

// heads is the network: from the input [B, N, N, C], which is x·scale, to
// amplitude and phase [B, N, N, K] of object patches, one encoder and two
// decoders.
func (n *network) heads(x, scale *graph.Node) (amplitude, phase *graph.Node) {
	code := n.encoder(x, scale)
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
func (n *network) encoder(x, scale *graph.Node) *graph.Node {
	for i, f := range filters[n.config.N].encoder {
		name := fmt.Sprintf("encoder.%d", i)
		if i == 0 {
			x = n.firstConv(x, scale, name+".conv0", n.count(f))
		} else {
			x = n.conv(x, name+".conv0", n.count(f))
		}
		x = graph.Relu(n.conv(graph.Relu(x), name+".conv1", n.count(f)))
		x = n.layer(name, graph.MaxPool(x))
	}
	return x
}

// decoder: conv-ReLU, conv-ReLU, nearest ×2 a stage, up to N/2, then the head.
func (n *network) decoder(x *graph.Node, name string, activation func(*graph.Node) *graph.Node) *graph.Node {
	stages := filters[n.config.N].decoder
	for i, f := range stages {
		stage := fmt.Sprintf("%s.decoder.%d", name, i)
		x = n.twoConvs(x, stage, n.count(f))
		large := n.layer(stage, graph.Upsample(x))
		if i < len(stages)-1 || !n.config.PadObject {
			x = large
		}
	}
	if !n.config.PadObject {
		return n.layer(name, activation(n.layer(name+".full", n.fullSize(x, name+".full"))))
	}
	return n.layer(name, n.paddedHead(x, name, activation))
}

// paddedHead makes the central N/2 square from all but the last channels, with
// zeros around it, and adds (probe_big) a border made from the last ones. x is
// the last stage before its enlargement, [B, N/4, N/4, channels].
func (n *network) paddedHead(x *graph.Node, name string, activation func(*graph.Node) *graph.Node) *graph.Node {
	s := x.Shape
	inner := s[3] - borderChannels
	quarter := n.config.N / 4
	centre := graph.Slice(x, []int{0, 0, 0, 0}, []int{s[0], s[1], s[2], inner})
	centre = activation(n.layer(name+".centre", n.convOfLarge(centre, name+".centre", n.outputs())))
	centre = graph.Pad(centre, []int{0, quarter, quarter, 0}, []int{0, quarter, quarter, 0})
	if !n.config.ProbeBig {
		return centre
	}
	last := graph.Slice(x, []int{0, 0, 0, inner}, []int{s[0], s[1], s[2], borderChannels})
	border := swish(n.layer(name+".border", n.fullSize(graph.Upsample(last), name+".border")))
	return graph.Add(centre, graph.Mul(border, n.b.Const(outsideCentre(n.config.N), 1, n.config.N, n.config.N, 1)))
}

// fullSize: conv-ReLU, conv-ReLU, nearest ×2, one convolution to K channels.
func (n *network) fullSize(x *graph.Node, name string) *graph.Node {
	x = n.twoConvs(x, name, n.count(filters[n.config.N].border))
	return n.convOfLarge(x, name+".head", n.outputs())
}

func (n *network) twoConvs(x *graph.Node, name string, out int) *graph.Node {
	x = graph.Relu(n.conv(x, name+".conv0", out))
	return graph.Relu(n.conv(x, name+".conv1", out))
}

// conv is a 3×3 convolution with stride 1, same padding and bias.
func (n *network) conv(x *graph.Node, name string, out int) *graph.Node {
	return n.biased(graph.Conv(x, n.kernel(name, x.Shape[3], out)), name)
}

// firstConv is conv of x·scale. The kernel is scaled instead of the image, which
// comes to the same: the derivative by the scale is then one of that kernel, and
// the image needs none.
func (n *network) firstConv(x, scale *graph.Node, name string, out int) *graph.Node {
	kernel := graph.Mul(n.kernel(name, x.Shape[3], out), scale)
	return n.biased(graph.ConvWide(x, kernel), name)
}

// kernel is the parameter [3, 3, in, out] of a convolution.
func (n *network) kernel(name string, in, out int) *graph.Node {
	return n.parameter(name+".kernel", 3, 3, in, out)
}

// biased adds the parameter [channels] of a convolution to its result.
func (n *network) biased(x *graph.Node, name string) *graph.Node {
	return graph.BiasAdd(x, n.parameter(name+".bias", x.Shape[3]))
}

// convOfLarge is conv of graph.Upsample(x), made without the enlarged image: the
// four pixels that come of one, [2, 2], are four results of a convolution of
// x whose kernels are sums of the kernel's rows and columns. It is less work
// where few channels come out.
func (n *network) convOfLarge(x *graph.Node, name string, out int) *graph.Node {
	s := x.Shape
	kernel := n.kernel(name, s[3], out)
	bias := n.parameter(name+".bias", out)
	small := graph.MatMul(n.b.Const(kernelsOfLarge(), 36, 9), graph.Reshape(kernel, 9, s[3]*out), false, false)
	small = graph.Transpose(graph.Reshape(small, 9, 4, s[3], out), 0, 2, 1, 3)
	y := graph.ConvWide(x, graph.Reshape(small, 3, 3, s[3], 4*out))
	y = graph.Transpose(graph.Reshape(y, s[0], s[1], s[2], 2, 2, out), 0, 1, 3, 2, 4, 5)
	return graph.BiasAdd(graph.Reshape(y, s[0], 2*s[1], 2*s[2], out), bias)
}

// kernelsOfLarge are the matrices [36, 9] from a 3×3 kernel [u, v] to the four
// kernels [r, s, a, b] of convOfLarge: row 2i+a−1+u of an enlarged image is row
// i+r−1 of the image with r = ⌊(a+1+u)/2⌋, and likewise for columns.
func kernelsOfLarge() []float64 {
	m := make([]float64, 36*9)
	for _, a := range []int{0, 1} {
		for _, b := range []int{0, 1} {
			for k := range 9 {
				r, s := (a+1+k/3)/2, (b+1+k%3)/2
				m[((3*r+s)*4+2*a+b)*9+k] = 1
			}
		}
	}
	return m
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

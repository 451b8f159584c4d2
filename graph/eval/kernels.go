package eval

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/ptychobridge/ptychobridge/graph"
)

// kernel fills out, which has the node's shape and holds zeros.
type kernel func(n *graph.Node, in []*Array, out *Array) error

var kernels = map[graph.Op]kernel{
	graph.OpAdd:      binary(func(a, b float64) float64 { return a + b }),
	graph.OpSub:      binary(func(a, b float64) float64 { return a - b }),
	graph.OpMul:      binary(func(a, b float64) float64 { return a * b }),
	graph.OpDiv:      binary(func(a, b float64) float64 { return a / b }),
	graph.OpReluGrad: binary(func(dy, y float64) float64 { return cond(y > 0, dy, 0) }),
	graph.OpRound:    unary(math.RoundToEven),
	graph.OpNeg:      unary(func(x float64) float64 { return -x }),
	graph.OpExp:      unary(math.Exp),
	graph.OpLog:      unary(math.Log),
	graph.OpSqrt:     unary(math.Sqrt),
	graph.OpSin:      unary(math.Sin),
	graph.OpCos:      unary(math.Cos),
	graph.OpTanh:     unary(math.Tanh),
	graph.OpSigmoid:  unary(func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }),
	graph.OpSoftplus: unary(func(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }),
	graph.OpRelu:     unary(func(x float64) float64 { return cond(x > 0, x, 0) }),

	graph.OpMatMul:         matMul,
	graph.OpConv:           conv,
	graph.OpConvGradInput:  convGradInput,
	graph.OpConvGradKernel: convGradKernel,
	graph.OpBiasAdd:        biasAdd,
	graph.OpMaxPool:        maxPool,
	graph.OpMaxPoolGrad:    maxPoolGrad,
	graph.OpUpsample:       upsample,
	graph.OpUpsampleGrad:   upsampleGrad,

	graph.OpSum:       sum,
	graph.OpBroadcast: broadcast,
	graph.OpReshape:   copyData,
	graph.OpCast:      copyData,
	graph.OpTranspose: transpose,
	graph.OpSlice:     slice,
	graph.OpPad:       pad,
	graph.OpConcat:    concat,
	graph.OpGather:    gather,
	graph.OpFFT2:      fft2,
	graph.OpIFFT2:     ifft2,
}

func cond(c bool, a, b float64) float64 {
	if c {
		return a
	}
	return b
}

func unary(f func(float64) float64) kernel {
	return func(_ *graph.Node, in []*Array, out *Array) error {
		for i, x := range in[0].Data {
			out.Data[i] = f(x)
		}
		return nil
	}
}

func binary(f func(a, b float64) float64) kernel {
	return func(_ *graph.Node, in []*Array, out *Array) error {
		sa, sb := stridesTo(in[0].Shape, out.Shape), stridesTo(in[1].Shape, out.Shape)
		each(out.Shape, func(i int, index []int) {
			out.Data[i] = f(in[0].Data[dot(sa, index)], in[1].Data[dot(sb, index)])
		})
		return nil
	}
}

// strides gives the distance in memory of one step along each axis.
func strides(s graph.Shape) []int {
	out := make([]int, len(s))
	step := 1
	for i := len(s) - 1; i >= 0; i-- {
		out[i] = step
		step *= s[i]
	}
	return out
}

// stridesTo gives the strides with which a value of shape s is read under the
// shape it is broadcast to: 0 along repeated axes.
func stridesTo(s, to graph.Shape) []int {
	out := make([]int, len(to))
	if len(s) == 0 {
		return out
	}
	for i, step := range strides(s) {
		if s[i] == to[i] {
			out[i] = step
		}
	}
	return out
}

// each calls f for every element with its place in memory and its index.
func each(s graph.Shape, f func(i int, index []int)) {
	index := make([]int, len(s))
	for i := range s.Size() {
		f(i, index)
		for a := len(s) - 1; a >= 0; a-- {
			index[a]++
			if index[a] < s[a] {
				break
			}
			index[a] = 0
		}
	}
}

func dot(a, b []int) int {
	s := 0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

// ---- products and images ----

var impl gonum.Implementation

func trans(t bool) blas.Transpose {
	if t {
		return blas.Trans
	}
	return blas.NoTrans
}

func matMul(n *graph.Node, in []*Array, out *Array) error {
	r := len(n.Shape)
	a, b := in[0], in[1]
	m, c := n.Shape[r-2], n.Shape[r-1]
	lda, ldb := a.Shape[r-1], b.Shape[r-1]
	k := lda
	if n.Attr.TransA {
		k = a.Shape[r-2]
	}
	sizeA, sizeB := a.Shape[r-2]*lda, b.Shape[r-2]*ldb
	for i := range len(out.Data) / (m * c) {
		impl.Dgemm(trans(n.Attr.TransA), trans(n.Attr.TransB), m, c, k, 1,
			a.Data[i*sizeA:(i+1)*sizeA], lda, b.Data[i*sizeB:(i+1)*sizeB], ldb, 0, out.Data[i*m*c:(i+1)*m*c], c)
	}
	return nil
}

// taps calls f for each kernel element (u, v), image and row with the row
// segments of x and y that it joins: y[j0:j0+count] meets x[j0+dv:…].
func taps(x, y graph.Shape, h, w int, f func(u, v, xAt, yAt, count int)) {
	rows, cols := x[1], x[2]
	for b := range x[0] {
		for u := range h {
			for v := range w {
				du, dv := u-h/2, v-w/2
				j0, j1 := max(0, -dv), min(cols, cols-dv)
				if j1 <= j0 {
					continue
				}
				for i := max(0, -du); i < min(rows, rows-du); i++ {
					xAt := ((b*rows+i+du)*cols + j0 + dv) * x[3]
					yAt := ((b*rows+i)*cols + j0) * y[3]
					f(u, v, xAt, yAt, j1-j0)
				}
			}
		}
	}
}

func conv(_ *graph.Node, in []*Array, out *Array) error {
	x, w := in[0], in[1]
	ci, co := w.Shape[2], w.Shape[3]
	taps(x.Shape, out.Shape, w.Shape[0], w.Shape[1], func(u, v, xAt, yAt, count int) {
		kernel := w.Data[(u*w.Shape[1]+v)*ci*co:][:ci*co]
		impl.Dgemm(blas.NoTrans, blas.NoTrans, count, co, ci, 1, x.Data[xAt:xAt+count*ci], ci, kernel, co, 1, out.Data[yAt:yAt+count*co], co)
	})
	return nil
}

func convGradInput(_ *graph.Node, in []*Array, out *Array) error {
	dy, w := in[0], in[1]
	ci, co := w.Shape[2], w.Shape[3]
	taps(out.Shape, dy.Shape, w.Shape[0], w.Shape[1], func(u, v, xAt, yAt, count int) {
		kernel := w.Data[(u*w.Shape[1]+v)*ci*co:][:ci*co]
		impl.Dgemm(blas.NoTrans, blas.Trans, count, ci, co, 1, dy.Data[yAt:yAt+count*co], co, kernel, co, 1, out.Data[xAt:xAt+count*ci], ci)
	})
	return nil
}

func convGradKernel(_ *graph.Node, in []*Array, out *Array) error {
	x, dy := in[0], in[1]
	h, w, ci, co := out.Shape[0], out.Shape[1], out.Shape[2], out.Shape[3]
	taps(x.Shape, dy.Shape, h, w, func(u, v, xAt, yAt, count int) {
		kernel := out.Data[(u*w+v)*ci*co:][:ci*co]
		impl.Dgemm(blas.Trans, blas.NoTrans, ci, co, count, 1, x.Data[xAt:xAt+count*ci], ci, dy.Data[yAt:yAt+count*co], co, 1, kernel, co)
	})
	return nil
}

func biasAdd(_ *graph.Node, in []*Array, out *Array) error {
	bias := in[1].Data
	for i, x := range in[0].Data {
		out.Data[i] = x + bias[i%len(bias)]
	}
	return nil
}

// blockPlaces calls f for every element of a pooled shape with the places of
// the four elements of its 2×2 block in the larger image, row-major.
func blockPlaces(pooled graph.Shape, f func(i int, block [4]int)) {
	cols, ch := 2*pooled[2], pooled[3]
	each(pooled, func(i int, at []int) {
		first := ((at[0]*2*pooled[1]+2*at[1])*cols+2*at[2])*ch + at[3]
		f(i, [4]int{first, first + ch, first + cols*ch, first + cols*ch + ch})
	})
}

func firstLargest(x []float64, block [4]int) int {
	best := block[0]
	for _, p := range block[1:] {
		if x[p] > x[best] {
			best = p
		}
	}
	return best
}

func maxPool(_ *graph.Node, in []*Array, out *Array) error {
	blockPlaces(out.Shape, func(i int, block [4]int) {
		out.Data[i] = in[0].Data[firstLargest(in[0].Data, block)]
	})
	return nil
}

func maxPoolGrad(_ *graph.Node, in []*Array, out *Array) error {
	x, dy := in[0], in[2]
	blockPlaces(dy.Shape, func(i int, block [4]int) {
		out.Data[firstLargest(x.Data, block)] = dy.Data[i]
	})
	return nil
}

func upsample(_ *graph.Node, in []*Array, out *Array) error {
	blockPlaces(in[0].Shape, func(i int, block [4]int) {
		for _, p := range block {
			out.Data[p] = in[0].Data[i]
		}
	})
	return nil
}

func upsampleGrad(_ *graph.Node, in []*Array, out *Array) error {
	blockPlaces(out.Shape, func(i int, block [4]int) {
		for _, p := range block {
			out.Data[i] += in[0].Data[p]
		}
	})
	return nil
}

// ---- shapes ----

func copyData(_ *graph.Node, in []*Array, out *Array) error {
	copy(out.Data, in[0].Data)
	return nil
}

func sum(n *graph.Node, in []*Array, out *Array) error {
	into := make([]int, len(in[0].Shape))
	kept := strides(n.Shape)
	k := 0
	for i := range into {
		if !slices.Contains(n.Attr.Axes, i) {
			into[i] = kept[k]
			k++
		}
	}
	each(in[0].Shape, func(i int, index []int) { out.Data[dot(into, index)] += in[0].Data[i] })
	return nil
}

func broadcast(_ *graph.Node, in []*Array, out *Array) error {
	from := stridesTo(in[0].Shape, out.Shape)
	each(out.Shape, func(i int, index []int) { out.Data[i] = in[0].Data[dot(from, index)] })
	return nil
}

func transpose(n *graph.Node, in []*Array, out *Array) error {
	steps := strides(in[0].Shape)
	from := make([]int, len(steps))
	for i, p := range n.Attr.Perm {
		from[i] = steps[p]
	}
	each(out.Shape, func(i int, index []int) { out.Data[i] = in[0].Data[dot(from, index)] })
	return nil
}

func slice(n *graph.Node, in []*Array, out *Array) error {
	steps := strides(in[0].Shape)
	first := dot(steps, n.Attr.Start)
	each(out.Shape, func(i int, index []int) { out.Data[i] = in[0].Data[first+dot(steps, index)] })
	return nil
}

func pad(n *graph.Node, in []*Array, out *Array) error {
	steps := strides(out.Shape)
	first := dot(steps, n.Attr.Start)
	each(in[0].Shape, func(i int, index []int) { out.Data[first+dot(steps, index)] = in[0].Data[i] })
	return nil
}

func concat(n *graph.Node, in []*Array, out *Array) error {
	steps := strides(out.Shape)
	first := 0
	for _, x := range in {
		each(x.Shape, func(i int, index []int) { out.Data[first+dot(steps, index)] = x.Data[i] })
		first += x.Shape[n.Attr.Axes[0]] * steps[n.Attr.Axes[0]]
	}
	return nil
}

func gather(n *graph.Node, in []*Array, out *Array) error {
	block := n.Shape[1:].Size()
	for k, v := range in[1].Data {
		i := int(v)
		if i < 0 || i >= in[0].Shape[0] {
			return fmt.Errorf("index %d lies outside the axis of %d", i, in[0].Shape[0])
		}
		copy(out.Data[k*block:(k+1)*block], in[0].Data[i*block:(i+1)*block])
	}
	return nil
}

// ---- Fourier transform and updates ----

func fft2(n *graph.Node, in []*Array, out *Array) error {
	transform(n, in, out, func(t *fourier.CmplxFFT, line []complex128) { t.Coefficients(line, line) }, 1)
	return nil
}

func ifft2(n *graph.Node, in []*Array, out *Array) error {
	r := len(n.Shape)
	hw := float64(n.Shape[r-2] * n.Shape[r-1])
	transform(n, in, out, func(t *fourier.CmplxFFT, line []complex128) { t.Sequence(line, line) }, 1/hw)
	return nil
}

// transform applies f to all rows and then to all columns of each image.
func transform(n *graph.Node, in []*Array, out *Array, f func(*fourier.CmplxFFT, []complex128), factor float64) {
	r := len(n.Shape)
	h, w := n.Shape[r-2], n.Shape[r-1]
	alongRow, alongColumn := fourier.NewCmplxFFT(w), fourier.NewCmplxFFT(h)
	image, column := make([]complex128, h*w), make([]complex128, h)
	half := len(out.Data) / 2
	for at := 0; at < half; at += h * w {
		for i := range image {
			image[i] = complex(in[0].Data[at+i], in[1].Data[at+i])
		}
		for i := range h {
			f(alongRow, image[i*w:(i+1)*w])
		}
		for j := range w {
			for i := range h {
				column[i] = image[i*w+j]
			}
			f(alongColumn, column)
			for i := range h {
				image[i*w+j] = column[i]
			}
		}
		for i, c := range image {
			out.Data[at+i], out.Data[half+at+i] = real(c)*factor, imag(c)*factor
		}
	}
}

func adam(n *graph.Node, in []*Array, states map[string]*Array) {
	w, m, v := states[n.In[0].Attr.Name].Data, states[n.In[1].Attr.Name].Data, states[n.In[2].Attr.Name].Data
	g, lr := in[3].Data, in[4].Data[0]
	a := n.Attr
	for i := range w {
		m[i] = a.Beta1*m[i] + (1-a.Beta1)*g[i]
		v[i] = a.Beta2*v[i] + (1-a.Beta2)*g[i]*g[i]
		w[i] -= lr * m[i] / (math.Sqrt(v[i]) + a.Epsilon)
	}
}

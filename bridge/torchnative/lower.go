//go:build torch && cgo

package torchnative

// #cgo CFLAGS: -I${SRCDIR}/../../csrc
// #include "ptorch.h"
import "C"

import (
	"fmt"

	"github.com/ptychobridge/ptychobridge/graph"
)

// opCodes gives each operation its number in the shim.
var opCodes = map[graph.Op]int64{
	graph.OpInput: C.PTORCH_INPUT, graph.OpState: C.PTORCH_STATE, graph.OpConst: C.PTORCH_CONST,
	graph.OpAdd: C.PTORCH_ADD, graph.OpSub: C.PTORCH_SUB, graph.OpMul: C.PTORCH_MUL, graph.OpDiv: C.PTORCH_DIV,
	graph.OpNeg: C.PTORCH_NEG, graph.OpExp: C.PTORCH_EXP, graph.OpLog: C.PTORCH_LOG, graph.OpSqrt: C.PTORCH_SQRT,
	graph.OpSin: C.PTORCH_SIN, graph.OpCos: C.PTORCH_COS, graph.OpTanh: C.PTORCH_TANH,
	graph.OpSigmoid: C.PTORCH_SIGMOID, graph.OpSoftplus: C.PTORCH_SOFTPLUS,
	graph.OpRelu: C.PTORCH_RELU, graph.OpReluGrad: C.PTORCH_RELU_GRAD, graph.OpRound: C.PTORCH_ROUND,
	graph.OpMatMul: C.PTORCH_MATMUL, graph.OpConv: C.PTORCH_CONV,
	graph.OpConvGradInput: C.PTORCH_CONV_GRAD_INPUT, graph.OpConvGradKernel: C.PTORCH_CONV_GRAD_KERNEL,
	graph.OpBiasAdd: C.PTORCH_BIAS_ADD, graph.OpMaxPool: C.PTORCH_MAX_POOL, graph.OpMaxPoolGrad: C.PTORCH_MAX_POOL_GRAD,
	graph.OpUpsample: C.PTORCH_UPSAMPLE, graph.OpUpsampleGrad: C.PTORCH_UPSAMPLE_GRAD,
	graph.OpSum: C.PTORCH_SUM, graph.OpBroadcast: C.PTORCH_BROADCAST, graph.OpReshape: C.PTORCH_RESHAPE,
	graph.OpTranspose: C.PTORCH_TRANSPOSE, graph.OpSlice: C.PTORCH_SLICE, graph.OpPad: C.PTORCH_PAD,
	graph.OpConcat: C.PTORCH_CONCAT, graph.OpGather: C.PTORCH_GATHER,
	graph.OpFFT2: C.PTORCH_FFT2, graph.OpIFFT2: C.PTORCH_IFFT2, graph.OpCast: C.PTORCH_CAST,
	graph.OpAssign: C.PTORCH_ASSIGN, graph.OpAdam: C.PTORCH_ADAM,
}

var typeCodes = map[graph.DType]int64{
	graph.Float32: C.PTORCH_FLOAT32, graph.Float64: C.PTORCH_FLOAT64,
	graph.Int32: C.PTORCH_INT32, graph.BFloat16: C.PTORCH_BFLOAT16,
}

// flat is a program as the shim reads it, see ptorch_program_new.
type flat struct {
	code    []int64
	reals   []float64
	outputs []int64
	feeds   []*graph.Node // the inputs in the order of their numbers
}

// lower writes a program down as two streams. states numbers the states.
func lower(p *graph.Program, states map[string]int) (*flat, error) {
	f := &flat{}
	place := map[*graph.Node]int64{}
	for i, n := range p.Nodes() {
		place[n] = int64(i)
		op, ok := opCodes[n.Op]
		if !ok {
			return nil, fmt.Errorf("operation %s is not known", n.Op)
		}
		in := make([]int64, len(n.In))
		for k, x := range n.In {
			in[k] = place[x]
		}
		ints, reals := f.attributes(n, states)
		f.code = append(f.code, op, typeCodes[n.DType])
		f.list(widen(n.Shape))
		f.list(in)
		f.list(ints)
		f.code = append(f.code, int64(len(reals)))
		f.reals = append(f.reals, reals...)
	}
	for _, o := range p.Outputs {
		f.outputs = append(f.outputs, place[o.Node])
	}
	return f, nil
}

func (f *flat) list(numbers []int64) {
	f.code = append(f.code, int64(len(numbers)))
	f.code = append(f.code, numbers...)
}

// attributes gives what ptorch.h names beside the operation.
func (f *flat) attributes(n *graph.Node, states map[string]int) (ints []int64, reals []float64) {
	a := n.Attr
	switch n.Op {
	case graph.OpInput:
		f.feeds = append(f.feeds, n)
		ints = []int64{int64(len(f.feeds) - 1)}
	case graph.OpState:
		ints = []int64{int64(states[a.Name])}
	case graph.OpConst:
		reals = a.Data
	case graph.OpMatMul:
		ints = []int64{flag(a.TransA), flag(a.TransB)}
	case graph.OpSum, graph.OpConcat:
		ints = widen(a.Axes)
	case graph.OpTranspose:
		ints = widen(a.Perm)
	case graph.OpSlice, graph.OpPad:
		ints = widen(a.Start)
	case graph.OpAssign:
		ints = []int64{int64(states[n.In[0].Attr.Name])}
	case graph.OpAdam:
		for _, s := range n.In[:3] {
			ints = append(ints, int64(states[s.Attr.Name]))
		}
		reals = []float64{a.Beta1, a.Beta2, a.Epsilon}
	}
	return ints, reals
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func widen(in []int) []int64 {
	out := make([]int64, len(in))
	for i, v := range in {
		out[i] = int64(v)
	}
	return out
}

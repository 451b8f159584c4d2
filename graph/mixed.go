package graph

// mixedChannels is the number of channels, on both sides, from which on Mixed
// narrows a convolution. Below it a convolution is memory traffic, which
// BFloat16 does not make faster where a cast comes before it.
const mixedChannels = 8

// Mixed rewrites float32 programs so that their convolutions and what lies
// between them run in BFloat16: convolutions of at least 8 channels on both
// sides, but those of ConvWide, and their gradients; biases, rectifiers, poolings, enlargements and
// slices of what is BFloat16 already. Everything else stays: states (the
// weights and the optimizer's moments), sums, the physics, losses. Rounding
// to BFloat16 happens where a value enters such an operation and at its
// result; the runtimes accumulate in float32. Programs of another type stay as
// they are, but for being copied.
func Mixed(programs []*Program) []*Program {
	m := mixer{narrow: map[*Node]*Node{}}
	return Rewrite(programs, m.replace)
}

// mixer remembers the BFloat16 form of values.
type mixer struct{ narrow map[*Node]*Node }

// replace gives what stands for a copied node.
func (m mixer) replace(n *Node) *Node {
	if n.DType != Float32 || n.Attr.Wide {
		return n
	}
	switch n.Op {
	case OpConv, OpConvGradInput:
		if s := n.In[1].Shape; s[2] >= mixedChannels && s[3] >= mixedChannels {
			return m.narrowed(n)
		}
	case OpConvGradKernel:
		if s := n.Shape; s[2] >= mixedChannels && s[3] >= mixedChannels {
			return m.narrowed(n)
		}
	case OpBiasAdd, OpRelu, OpMaxPool, OpUpsample, OpUpsampleGrad, OpSlice:
		if isNarrow(n.In[0]) {
			return m.narrowed(n)
		}
	case OpReluGrad:
		if isNarrow(n.In[1]) {
			return m.narrowed(n)
		}
	case OpMaxPoolGrad:
		if isNarrow(n.In[0]) && isNarrow(n.In[1]) {
			return m.narrowed(n)
		}
	}
	return n
}

// isNarrow says whether a value is there in BFloat16.
func isNarrow(x *Node) bool { return x.Op == OpCast && x.In[0].DType == BFloat16 }

// narrowed is n computed in BFloat16 and widened.
func (m mixer) narrowed(n *Node) *Node {
	in := make([]*Node, len(n.In))
	for i, x := range n.In {
		in[i] = m.of(x)
	}
	c := n.builder.add(&Node{Op: n.Op, In: in, Attr: n.Attr, Shape: n.Shape, DType: BFloat16})
	return Cast(c, Float32)
}

// of gives a value in BFloat16: what it was widened from, or its cast.
func (m mixer) of(x *Node) *Node {
	if isNarrow(x) {
		return x.In[0]
	}
	if m.narrow[x] == nil {
		m.narrow[x] = Cast(x, BFloat16)
	}
	return m.narrow[x]
}

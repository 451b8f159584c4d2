// Package op gives tfgo the operations that it uses, as names for those of
// graft; see the package above.
package op

import "github.com/wamuir/graft/tensorflow/op"

// The types.
type (
	CropAndResizeAttr         = op.CropAndResizeAttr
	EncodeJpegAttr            = op.EncodeJpegAttr
	EncodePngAttr             = op.EncodePngAttr
	ExtractGlimpseAttr        = op.ExtractGlimpseAttr
	ResizeAreaAttr            = op.ResizeAreaAttr
	ResizeBicubicAttr         = op.ResizeBicubicAttr
	ResizeBilinearAttr        = op.ResizeBilinearAttr
	ResizeNearestNeighborAttr = op.ResizeNearestNeighborAttr
	Scope                     = op.Scope
)

// The functions.
var (
	Abs                   = op.Abs
	Add                   = op.Add
	AdjustContrastv2      = op.AdjustContrastv2
	AdjustHue             = op.AdjustHue
	AdjustSaturation      = op.AdjustSaturation
	Cast                  = op.Cast
	ConcatV2              = op.ConcatV2
	Const                 = op.Const
	Conv2D                = op.Conv2D
	CropAndResize         = op.CropAndResize
	DecodeGif             = op.DecodeGif
	DecodeJpeg            = op.DecodeJpeg
	DecodeJpegChannels    = op.DecodeJpegChannels
	DecodePng             = op.DecodePng
	DecodePngChannels     = op.DecodePngChannels
	Dilation2D            = op.Dilation2D
	Div                   = op.Div
	DrawBoundingBoxes     = op.DrawBoundingBoxes
	EncodeJpeg            = op.EncodeJpeg
	EncodePng             = op.EncodePng
	ExpandDims            = op.ExpandDims
	ExtractGlimpse        = op.ExtractGlimpse
	Gather                = op.Gather
	HSVToRGB              = op.HSVToRGB
	Identity              = op.Identity
	LessEqual             = op.LessEqual
	MatMul                = op.MatMul
	Max                   = op.Max
	MaxKeepDims           = op.MaxKeepDims
	Maximum               = op.Maximum
	Mean                  = op.Mean
	MeanKeepDims          = op.MeanKeepDims
	Min                   = op.Min
	MinKeepDims           = op.MinKeepDims
	Minimum               = op.Minimum
	Mul                   = op.Mul
	NewScope              = op.NewScope
	Pack                  = op.Pack
	Pow                   = op.Pow
	RGBToHSV              = op.RGBToHSV
	ReadFile              = op.ReadFile
	Relu                  = op.Relu
	ResizeArea            = op.ResizeArea
	ResizeBicubic         = op.ResizeBicubic
	ResizeBilinear        = op.ResizeBilinear
	ResizeNearestNeighbor = op.ResizeNearestNeighbor
	ReverseV2             = op.ReverseV2
	Rsqrt                 = op.Rsqrt
	Shape                 = op.Shape
	Slice                 = op.Slice
	Sqrt                  = op.Sqrt
	Square                = op.Square
	Squeeze               = op.Squeeze
	SqueezeAxis           = op.SqueezeAxis
	Sub                   = op.Sub
	Sum                   = op.Sum
	SumKeepDims           = op.SumKeepDims
)

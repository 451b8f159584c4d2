package evaluate_test

import (
	"fmt"
	"image"
	"math"
	"math/cmplx"

	"github.com/ptychobridge/ptychobridge/evaluate"
	"github.com/ptychobridge/ptychobridge/stitch"
)

// An object is compared with itself, moved by 2 pixels in x and multiplied by a
// factor and a phase ramp, neither of which ptychography can tell.
func ExampleEvaluate() {
	const side = 96
	feature := func(x, y int) complex128 {
		return cmplx.Rect(1-0.3*math.Exp(-math.Hypot(float64(x-40), float64(y-55))/9), math.Sin(float64(x*y)/300))
	}
	reference, object := stitch.Object{Rows: side, Cols: side}, stitch.Object{Rows: side, Cols: side}
	for y := range side {
		for x := range side {
			reference.Data = append(reference.Data, complex64(feature(x, y)))
			object.Data = append(object.Data, complex64(cmplx.Rect(2, 0.01*float64(y))*feature(x-2, y)))
		}
	}
	m, err := evaluate.Evaluate(&object, &reference, image.Rect(0, 0, side, side), evaluate.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("as they lie: phase correlation %.2f\n", m.PhaseCorrelation)
	fmt.Printf("after a shift by (%.1f, %.1f): %.2f, amplitude factor %.2f\n", m.Detail.Shift[0], m.Detail.Shift[1], m.Detail.Phase.Correlation, m.Detail.AmplitudeFactor)
	// Output:
	// as they lie: phase correlation 0.92
	// after a shift by (2.0, 0.0): 1.00, amplitude factor 0.50
}

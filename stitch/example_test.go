package stitch_test

import (
	"fmt"

	"github.com/ptychobridge/ptychobridge/stitch"
)

// Two patches of 4×4 pixels whose centres lie 2 pixels apart in x. Where they
// overlap, the object is their mean.
func ExamplePatches() {
	patches := make([]complex64, 2*4*4)
	for i := range patches {
		patches[i] = 1
		if i >= 4*4 {
			patches[i] = 3
		}
	}
	object, err := stitch.Patches(patches, 4, []float64{10, 12}, []float64{7, 7}, stitch.Options{M: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d rows, %d columns, the first at x = %d, y = %d\n", object.Rows, object.Cols, object.OriginX, object.OriginY)
	fmt.Println(object.Data[:object.Cols])
	fmt.Println(object.Weight[:object.Cols])
	// Output:
	// 4 rows, 6 columns, the first at x = 8, y = 5
	// [(1+0i) (1+0i) (2+0i) (2+0i) (3+0i) (3+0i)]
	// [1 1 2 2 1 1]
}

package parity

import (
	"fmt"
	"math"
	"math/cmplx"
	"slices"
	"strings"

	"github.com/ptychobridge/ptychobridge/evaluate"
	"github.com/ptychobridge/ptychobridge/report"
)

// objects are the objects of two trainings side by side.
type objects struct {
	Title    string
	Verdict  string
	Pictures [][]report.Image // rows with one range of colours each
	Apart    []report.Image   // differences, each with its own
	Caption  string
	Missing  string // why there are no pictures
	Charts   []report.Chart
	Metrics  *evaluate.Metrics
}

func (r *Report) objects(n names) []objects {
	var all []objects
	for i := range r.Reconstructions {
		all = append(all, r.Reconstructions[i].laidOut(n))
	}
	return all
}

func (c *Reconstructed) laidOut(n names) objects {
	o := objects{Title: fmt.Sprintf("Reconstruction, %s", c.Precision), Metrics: &c.Metrics}
	state := "Within the budget"
	if !c.Within {
		state = "Outside the budget"
	}
	o.Verdict = fmt.Sprintf("%s: after %s the two objects differ by %s of their size, but for one complex factor. In the tables %s stands for the object and %s for the reference.",
		state, count(c.Epochs, "epoch"), short(c.Metrics.ComplexError), n.First, n.Second)
	if err := o.draw(c, n); err != nil {
		o.Missing = fmt.Sprintf("No pictures: %v.", err)
	}
	frc := report.FRC(&c.Metrics)
	frc.Title = "Fourier ring correlation between the two objects"
	losses := report.Chart{Title: "Training loss", X: "epoch", Y: "loss", Whole: true}
	for k, name := range []string{n.First, n.Second} {
		losses.Lines = append(losses.Lines, report.Line{Name: name, X: epochs(c.Losses[k]), Y: c.Losses[k]})
	}
	o.Charts = []report.Chart{frc, losses}
	return o
}

func epochs(losses []float64) []float64 {
	out := make([]float64, len(losses))
	for i := range out {
		out[i] = float64(i + 1)
	}
	return out
}

// draw makes the pictures: amplitudes, phases, and the differences first
// minus second.
func (o *objects) draw(c *Reconstructed, n names) error {
	x, y := c.Objects[0], c.Objects[1]
	if x == nil || y == nil {
		return fmt.Errorf("the report does not hold the objects")
	}
	p, err := evaluate.Common(x, y, x.Scanned.Intersect(y.Scanned))
	if err != nil {
		return err
	}
	picture := func(title, unit string, values []float64) report.Image {
		return report.Image{
			Title: title, Unit: unit, Values: values, Valid: p.Valid,
			Rows: p.Area.Dy(), Cols: p.Area.Dx(), OriginX: p.Area.Min.X, OriginY: p.Area.Min.Y,
		}
	}
	amplitude, other := evaluate.Amplitude(p.Object), evaluate.Amplitude(p.Reference)
	turn, apart := phases(p)
	phase := evaluate.CentrePhase(p.Reference, p.Valid)
	turned := make([]float64, len(phase))
	difference := make([]float64, len(phase))
	for i := range phase {
		turned[i] = math.Remainder(phase[i]+apart[i], 2*math.Pi)
		difference[i] = amplitude[i] - other[i]
	}
	o.Pictures = [][]report.Image{
		{picture("Amplitude, "+n.First, "amplitude", amplitude), picture("Amplitude, "+n.Second, "amplitude", other)},
		{picture("Phase, "+n.First, "rad", turned), picture("Phase, "+n.Second, "rad", phase)},
	}
	o.Apart = []report.Image{
		signed(picture("Difference of the amplitudes", "amplitude", difference)),
		signed(picture("Difference of the phases", "rad", apart)),
	}
	o.Caption = fmt.Sprintf("The two amplitudes have one range of colours, the two phases another. Differences are %s minus %s, those of the phases without a factor of %s rad all over, which ptychography leaves open. Colours end where one value in 200 lies beyond.",
		n.First, n.Second, report.Number(turn))
	return nil
}

// phases gives the angle of the one phase factor between two objects, that of
// Σ object · conj(reference), and what is left of their difference at each
// pixel, in radians within ±π. What is below noAngle is rounding of the
// calculation and 0.
func phases(p *evaluate.Pair) (turn float64, apart []float64) {
	var sum complex128
	for i, z := range p.Object {
		sum += z * cmplx.Conj(p.Reference[i])
	}
	const noAngle = 1e-12
	clean := func(angle float64) float64 {
		if math.Abs(angle) < noAngle {
			return 0
		}
		return angle
	}
	turn = clean(cmplx.Phase(sum))
	apart = make([]float64, len(p.Object))
	for i, z := range p.Object {
		apart[i] = clean(cmplx.Phase(z * cmplx.Conj(p.Reference[i]) * cmplx.Rect(1, -turn)))
	}
	return turn, apart
}

// signed colours a difference symmetrically about 0, in a unit of a power of
// ten where it is small.
func signed(im report.Image) report.Image {
	var sizes []float64
	for i, v := range im.Values {
		if im.Valid[i] {
			sizes = append(sizes, math.Abs(v))
		}
	}
	slices.Sort(sizes)
	end := sizes[int(math.Round(.995*float64(len(sizes)-1)))]
	if end == 0 {
		end = sizes[len(sizes)-1] // of a few pixels
	}
	im.Palette = report.Difference
	if end == 0 {
		im.Title += ": none"
		im.Min, im.Max = -1, 1
		return im
	}
	if power := math.Floor(math.Log10(end)); power < -1 {
		power = max(power, -300) // no unit is 0
		unit := math.Pow(10, power)
		im.Values = slices.Clone(im.Values)
		for i := range im.Values {
			im.Values[i] /= unit
		}
		end /= unit
		im.Unit = strings.TrimSpace(report.Power(int(power)) + " " + im.Unit)
	}
	im.Min, im.Max = -end, end
	return im
}

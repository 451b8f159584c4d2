package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/nvidia"
	"github.com/ptychobridge/ptychobridge/build"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/selector"
)

// finding is what doctor says of one runtime.
type finding struct {
	Backend string       `json:"backend"`
	Usable  bool         `json:"usable"`
	Runtime *bridge.Info `json:"runtime,omitempty"`
	SHA256  string       `json:"sha256,omitempty"` // of the native library
	Kernel  string       `json:"kernel,omitempty"` // what was run and what came out
	Problem string       `json:"problem,omitempty"`

	err error
}

// gpuFinding is what doctor says of GPUs, whichever runtime would use them.
type gpuFinding struct {
	Devices []gpu  `json:"devices,omitempty"`
	Problem string `json:"problem,omitempty"` // why there are none
}

type gpu struct {
	Device string `json:"device"` // cuda:N
	Name   string `json:"name"`
	MB     int64  `json:"mb"` // of its memory, 10⁶ bytes
}

func findGPUs() gpuFinding {
	devices, err := nvidia.Devices()
	if err != nil {
		return gpuFinding{Problem: err.Error()}
	}
	var f gpuFinding
	for i, d := range devices {
		f.Devices = append(f.Devices, gpu{bridge.Device{Kind: bridge.CUDA, Number: i}.String(), d.Name, d.Bytes / 1e6})
	}
	return f
}

func (f gpuFinding) print(w io.Writer) {
	if f.Problem != "" {
		fmt.Fprintf(w, "no GPU: %s\n", f.Problem)
	}
	for _, d := range f.Devices {
		fmt.Fprintf(w, "%s: %s, %d MB\n", d.Device, d.Name, d.MB)
	}
}

func doctorCommand(a *app) *cobra.Command {
	var device string
	var threads int
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say which native runtimes are there, and try each",
		Long: `Lists the GPUs that the NVIDIA driver shows, opens TensorFlow and LibTorch, says
where they were found, and runs a convolution and a Fourier transform on each.
Succeeds where at least one of them works.`,
		Example: "  ptycho doctor\n  ptycho doctor --device cuda\n  ptycho doctor --json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			e := config.DefaultExecution()
			e.Device, e.Threads = device, threads
			if err := e.Validate(); err != nil {
				return usageError{err}
			}
			gpus := findGPUs()
			findings := make([]finding, 0, 2)
			for _, name := range selector.Backends() {
				findings = append(findings, examine(name, bridge.Options{Device: device, Threads: threads}))
			}
			if err := a.printFindings(gpus, findings); err != nil {
				return err
			}
			return judge(findings)
		},
	}
	c.Flags().StringVar(&device, "device", "auto", "device to open: auto, cpu, cuda or cuda:N")
	c.Flags().IntVar(&threads, "threads", 0, "threads of one operation; 0: one for each processor")
	return c
}

// judge is an error where no runtime works: unavailable, or something worse.
func judge(findings []finding) error {
	var errs []error
	for _, f := range findings {
		if f.Usable {
			return nil
		}
		errs = append(errs, f.err)
	}
	all := errors.Join(errs...)
	if errors.Is(all, bridge.ErrUnavailable) {
		return quiet{fmt.Errorf("no runtime is usable: %w", bridge.ErrUnavailable)}
	}
	return quiet{fmt.Errorf("no runtime is usable: %w", all)}
}

func examine(name string, o bridge.Options) finding {
	f := finding{Backend: name}
	f.err = f.try(o)
	f.Usable = f.err == nil
	if f.err != nil {
		f.Problem = notLookedIn(f.err).Error()
	}
	return f
}

func (f *finding) try(o bridge.Options) error {
	b, err := selector.Open(f.Backend, o)
	if err != nil {
		return err
	}
	defer b.Close() //nolint:errcheck // nothing was written
	info := b.Info()
	f.Runtime = &info
	if f.SHA256, err = hashFile(info.Path); err != nil {
		return err
	}
	f.Kernel, err = tryKernels(b)
	return err
}

func hashFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close() //nolint:errcheck // it was only read
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// tryKernels convolves a delta with a kernel without symmetry, which gives the
// kernel turned by 180°, and transforms it: the power is the same everywhere.
func tryKernels(b bridge.Backend) (string, error) {
	const n = 8
	g := graph.NewBuilder(graph.Float32)
	x := g.Input("x", graph.Float32, 1, n, n, 1)
	kernel := make([]float64, 9)
	for i := range kernel {
		kernel[i] = float64(i + 1)
	}
	y := graph.Conv(x, g.Const(kernel, 3, 3, 1, 1))
	flat := graph.Reshape(x, 1, n, n)
	re, im := graph.FFT2(flat, graph.Neg(flat))
	power := graph.Add(graph.Mul(re, re), graph.Mul(im, im))
	s, err := b.Compile(&graph.Program{Name: "doctor", Outputs: []graph.Output{{Name: "y", Node: y}, {Name: "power", Node: power}}})
	if err != nil {
		return "", err
	}
	defer s.Close() //nolint:errcheck // nothing was written
	delta := make([]float32, n*n)
	delta[3*n+5] = 1
	out, err := s.Run("doctor", bridge.Tensors{"x": bridge.NewTensor(delta, 1, n, n, 1)})
	if err != nil {
		return "", err
	}
	convolved, powers := out["y"].Float32(), out["power"].Float32()
	for i := range 9 {
		if got := convolved[(4-i/3)*n+6-i%3]; got != float32(kernel[i]) {
			return "", fmt.Errorf("a convolution gave %v instead of %v", got, kernel[i])
		}
	}
	for _, p := range powers {
		if math.Abs(float64(p)-2) > 1e-5 {
			return "", fmt.Errorf("a Fourier transform of a delta of (1, −1) gave the power %v instead of 2", p)
		}
	}
	return "convolution and Fourier transform give the expected numbers", nil
}

func (a *app) printFindings(gpus gpuFinding, findings []finding) error {
	if a.json {
		return json.NewEncoder(a.stdout).Encode(map[string]any{"program": versionLine(), "processors": runtime.NumCPU(), "gpus": gpus, "runtimes": findings})
	}
	fmt.Fprintf(a.stdout, "%s, %d processors\n", versionLine(), runtime.NumCPU())
	fmt.Fprintf(a.stdout, "made for TensorFlow %s and LibTorch %s\n", build.Version("tensorflow"), build.Version("torch"))
	gpus.print(a.stdout)
	for _, f := range findings {
		fmt.Fprintf(a.stdout, "\n%s: ", f.Backend)
		if r := f.Runtime; r != nil {
			device := r.Device
			if r.GPU != "" {
				device += ", " + r.GPU
			}
			fmt.Fprintf(a.stdout, "version %s on %s, %d threads (%s)\n  %s\n  sha256 %s\n", r.Version, device, r.Threads, r.Setting, r.Path, f.SHA256)
		}
		if f.Usable {
			fmt.Fprintf(a.stdout, "  works: %s\n", f.Kernel)
		} else {
			fmt.Fprintf(a.stdout, "not usable\n%s\n", indent(f.Problem))
		}
	}
	return nil
}

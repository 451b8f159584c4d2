package bridge

import (
	"fmt"
	"strconv"
	"strings"
)

// Device is what Options.Device asks for.
type Device struct {
	Kind   DeviceKind
	Number int // of a GPU, from 0; 0 for cuda and auto
}

// DeviceKind is a kind of device.
type DeviceKind int

// The kinds of devices.
const (
	Auto DeviceKind = iota // a GPU where it can be used, else the CPU
	CPU
	CUDA // a GPU, or an error
)

// ParseDevice reads auto (or the empty text), cpu, cuda, which is cuda:0, or
// cuda:N. Anything else is an error.
func ParseDevice(text string) (Device, error) {
	switch text {
	case "", "auto":
		return Device{}, nil
	case "cpu":
		return Device{Kind: CPU}, nil
	case "cuda":
		return Device{Kind: CUDA}, nil
	}
	if number, ok := strings.CutPrefix(text, "cuda:"); ok {
		if n, err := strconv.ParseUint(number, 10, 7); err == nil {
			return Device{CUDA, int(n)}, nil
		}
	}
	return Device{}, fmt.Errorf("device %q is not known; expected auto, cpu, cuda or cuda:N", text)
}

// String gives cpu or cuda:N, and auto.
func (d Device) String() string {
	switch d.Kind {
	case CPU:
		return "cpu"
	case CUDA:
		return fmt.Sprintf("cuda:%d", d.Number)
	}
	return "auto"
}

// OnlyCPU refuses every device but the CPU for what is run there alone, such as
// "exported models": auto, cpu and the empty text are right. Nothing falls back.
func OnlyCPU(what, device string) error {
	d, err := ParseDevice(device)
	if err == nil && d.Kind == CUDA {
		err = fmt.Errorf("device %s: %s run on the CPU only; use device cpu or auto", device, what)
	}
	return err
}

//go:build cgo && !notensorflow

package tfnative

import (
	"errors"
	"fmt"

	tf "github.com/wamuir/graft/tensorflow"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/nvidia"
)

// tryGPU puts the backend onto a GPU, if TensorFlow finds it. found says whether
// the driver has GPUs at all.
func (b *backend) tryGPU(number int, o bridge.Options) (found bool, err error) {
	gpus, err := nvidia.Devices()
	if err != nil {
		return false, err
	}
	if number >= len(gpus) {
		return true, fmt.Errorf("there is no device %d: the driver has %d, numbered from 0", number, len(gpus))
	}
	device := bridge.Device{Kind: bridge.CUDA, Number: number}
	config, err := sessionConfig(b.info.Threads, device)
	if err != nil {
		return true, err
	}
	if err := findGPU(config); err != nil {
		return true, fmt.Errorf("%s: %w", b.info.Path, err)
	}
	switches, err := setTF32(o.TF32) // it stays in the environment of the process
	if err != nil {
		return true, err
	}
	if o.Deterministic {
		setDefault(deterministicOps, "1")
	}
	b.gpu, b.config = true, config
	b.info.Device, b.info.GPU = device.String(), gpus[number].Name
	b.info.Setting += ", memory growth, " + switches + ", deterministic " + onOff(environment(deterministicOps) == "1")
	return true, nil
}

// findGPU asks TensorFlow itself, by a session that holds nothing.
func findGPU(config []byte) error {
	s, err := tf.NewSession(tf.NewGraph(), &tf.SessionOptions{Config: config})
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // it has done nothing
	devices, err := s.ListDevices()
	if err != nil {
		return err
	}
	for _, d := range devices {
		if d.Type == "GPU" {
			return nil
		}
	}
	return errors.New("this TensorFlow finds no GPU: it is a build for the CPU, or a library of CUDA that it needs is missing; with TF_CPP_MIN_LOG_LEVEL=0 in the environment it says which")
}

// Switches of the process that are read when the first kernel on a GPU runs.
const (
	tf32Override     = "NVIDIA_TF32_OVERRIDE" // by the libraries of CUDA
	deterministicOps = "TF_DETERMINISTIC_OPS"
)

// setTF32 sets the one of TF32, where the user has not, and gives it as
// Info.Setting has it.
func setTF32(on bool) (string, error) {
	if !on {
		setDefault(tf32Override, "0")
	}
	override := environment(tf32Override)
	if on && override == "0" {
		return "", fmt.Errorf("TF32 was asked for, and %s=0 is set, by you or by an earlier backend of this process", tf32Override)
	}
	text := "TF32 " + onOff(override != "0")
	if override != "" {
		text += " by " + tf32Override + "=" + override
	}
	return text, nil
}

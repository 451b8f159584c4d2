package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// peakMB is the peak resident memory of this process in 10⁶ bytes, 0 where the
// system does not say. It is read from /proc: the figure of getrusage is
// inherited from whoever started the process.
func peakMB() (float64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("peak memory: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if kib, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kib), "kB")), 64)
			return v * 1024 / 1e6, err
		}
	}
	return 0, nil
}

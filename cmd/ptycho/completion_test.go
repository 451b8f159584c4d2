package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// completed asks as a shell does.
func completed(t *testing.T, words ...string) []string {
	t.Helper()
	code, stdout, stderr := ptycho(t, append([]string{"__completeNoDesc"}, words...)...)
	require.Equal(t, exitDone, code, stderr)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	return lines[:len(lines)-1] // the last one tells the shell what else to do
}

func TestCompletion(t *testing.T) {
	for shell, says := range map[string]string{"bash": "__start_ptycho", "zsh": "#compdef ptycho", "fish": "complete -c ptycho", "powershell": "Register-ArgumentCompleter"} {
		code, stdout, stderr := ptycho(t, "completion", shell)
		require.Equal(t, exitDone, code)
		require.Empty(t, stderr)
		require.Contains(t, stdout, says)
		_, stdout, _ = ptycho(t, "completion", shell, "--help")
		require.Contains(t, stdout, "Examples:")
	}
	code, _, stderr := ptycho(t, "completion", "abacus")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, `"abacus"`)
	_, stdout, _ := ptycho(t, "--help")
	require.Contains(t, stdout, "completion ")
}

// TestCompletionOfValues: flags that take one of several words complete them,
// those that take a number of a range nothing.
func TestCompletionOfValues(t *testing.T) {
	for line, want := range map[string][]string{
		"run --backend ":                {"tensorflow", "pytorch"},
		"infer --backend ":              {"tensorflow", "pytorch"},
		"run --scheduler ":              {"plateau", "constant", "exponential", "warmup_cosine"},
		"train --optimizer ":            {"adam", "adamw", "sgd"},
		"run --device ":                 {"auto", "cpu", "cuda"},
		"run --pad-object=":             {"true", "false"},
		"run --batch-size ":             {},
		"run --learning-rate ":          {},
		"run --train-data-file ":        {"npz"}, // the ending of the files to offer
		"infer --model-name ":           {"autoencoder", "diffraction_to_obj"},
		"simulate --scan ":              {"raster", "spiral", "jitter"},
		"evaluate --remove ":            {"plane", "mean"},
		"infer --nep":                   {},
		"infer --weighting ":            {"uniform", "probe"},
		"run --gradient-clip-algorithm": {"--gradient-clip-algorithm"},
	} {
		require.Equal(t, want, completed(t, strings.Split(line, " ")...), line)
	}
}

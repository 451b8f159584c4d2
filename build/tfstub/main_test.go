package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// caller calls the last function of the list with six numbers, which fill the
// registers for arguments. With a library it binds that first.
const caller = `
#include <dlfcn.h>
#include <stdio.h>
const char *ptycho_tf_bind(void *library);
long %[1]s(long a, long b, long c, long d, long e, long f);
int main(int count, char **arguments) {
  if (count > 1) {
    void *library = dlopen(arguments[1], RTLD_NOW);
    if (!library) return puts(dlerror()), 1;
    const char *missing = ptycho_tf_bind(library);
    if (missing) printf("missing %%s\n", missing);
  }
  printf("%%ld\n", %[1]s(1, 2, 3, 4, 5, 6));
  return 0;
}
`

// TestJumps links a program with the stub and runs it with no library, with
// one that lacks functions and with a complete one.
func TestJumps(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("there is no C compiler: ", err)
	}
	dir := t.TempDir()
	require.NoError(t, generate(dir, runtime.GOARCH))
	compile := func(name, source string, flags ...string) string {
		file, out := filepath.Join(dir, name+".c"), filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(source), 0o600))
		text, err := exec.Command(cc, append([]string{"-w", "-o", out, file}, flags...)...).CombinedOutput()
		require.NoError(t, err, "%s", text)
		return out
	}
	names := strings.Fields(symbols)
	last := names[len(names)-1]
	// In the library, function number i gives 100000·i + 123456.
	var whole strings.Builder
	for i, name := range names {
		fmt.Fprintf(&whole, "long %s(long a, long b, long c, long d, long e, long f) { return %d + 100000*a + 10000*b + 1000*c + 100*d + 10*e + f; }\n", name, 100000*i)
	}
	program := compile("caller", fmt.Sprintf(caller, last), "-L", dir, "-ltensorflow", "-ldl")
	complete := compile("complete.so", whole.String(), "-shared", "-fPIC")
	partial := compile("partial.so", fmt.Sprintf("long %s(void) { return 0; }\n", names[0]), "-shared", "-fPIC")

	text, err := exec.Command(program, complete).CombinedOutput()
	require.NoError(t, err, "%s", text)
	require.Equal(t, fmt.Sprintf("%d\n", 100000*(len(names)-1)+123456), string(text))

	unbound := "ptychobridge: BUG: " + last + " was called before TensorFlow was opened\n"
	text, err = exec.Command(program).CombinedOutput()
	require.Error(t, err)
	require.Equal(t, unbound, string(text))

	cmd := exec.Command(program, partial)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	_, err = cmd.Output()
	require.Error(t, err, "nothing is bound where one function is missing")
	require.Equal(t, unbound, complaint.String())
}

func TestArchives(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("there is no C compiler: ", err)
	}
	require.NoError(t, generate(first, runtime.GOARCH))
	require.NoError(t, generate(second, runtime.GOARCH))
	a, err := os.ReadFile(filepath.Join(first, "libtensorflow.a"))
	require.NoError(t, err)
	b, err := os.ReadFile(filepath.Join(second, "libtensorflow.a"))
	require.NoError(t, err)
	require.True(t, slices.Equal(a, b), "equal sources give equal archives")
	left, err := os.ReadDir(first)
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing but the archive stays")
}

func TestSymbols(t *testing.T) {
	names := strings.Fields(symbols)
	require.True(t, slices.IsSorted(names))
	require.Len(t, slices.Compact(slices.Clone(names)), len(names), "a name stands twice")
	_, err := assembly("mips", names)
	require.ErrorContains(t, err, "mips")
}

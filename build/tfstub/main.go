// Command tfstub makes libtensorflow.a, a stand-in that programs are linked
// with instead of TensorFlow itself: one jump for each function of
// TensorFlow's C interface that package graft calls, through a table that
// ptycho_tf_bind fills after the library was opened at run time. So no program
// needs TensorFlow to be built or to start.
//
//	go run ./build/tfstub -out build/out/lib
//
// Programs are then built with
//
//	CGO_CFLAGS="-g -O2 -I$PWD/build/tfstub/include" CGO_LDFLAGS="-g -O2 -L$PWD/build/out/lib"
//
// The headers in include are those of TensorFlow 2.21's C interface that graft
// includes. symbols.txt lists the functions; where graft comes to call another
// one, the linker names it.
package main

import (
	"bytes"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

//go:embed bind.c.in
var bind []byte

//go:embed symbols.txt
var symbols string

func main() {
	out := flag.String("out", filepath.Join("build", "out", "lib"), "directory for libtensorflow.a")
	arch := flag.String("arch", runtime.GOARCH, "amd64 or arm64")
	flag.Parse()
	if err := generate(*out, *arch); err != nil {
		fmt.Fprintln(os.Stderr, "tfstub:", err)
		os.Exit(1)
	}
}

// generate compiles both halves and puts them into out/libtensorflow.a, whole
// or not at all. The compiler is $CC, else cc; the archiver $AR, else ar.
func generate(out, arch string) error {
	table, err := assembly(arch, strings.Fields(symbols))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(out, "tfstub-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the files in it are small and temporary
	for name, text := range map[string][]byte{"bind.c": bind, "jumps.s": table} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	if err := tool(dir, "CC", "cc", "-O2", "-fPIC", "-Wall", "-Werror", "-c", "bind.c", "jumps.s"); err != nil {
		return err
	}
	// D: no times and owners, so that equal sources give equal archives.
	if err := tool(dir, "AR", "ar", "rcsD", "libtensorflow.a", "bind.o", "jumps.o"); err != nil {
		return err
	}
	return os.Rename(filepath.Join(dir, "libtensorflow.a"), filepath.Join(out, "libtensorflow.a"))
}

// tool runs a program in dir: the one that the environment names, else the
// usual one.
func tool(dir, variable, usual string, args ...string) error {
	words := strings.Fields(os.Getenv(variable))
	if len(words) == 0 {
		words = []string{usual}
	}
	cmd := exec.Command(words[0], append(words[1:], args...)...)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, text)
	}
	return nil
}

// machine is what a jump looks like on one kind of processor; %[1]d is the
// number of the function.
type machine struct{ jump, missing string }

var machines = map[string]machine{
	"amd64": {
		jump:    "jmp *ptycho_tf_pointers+8*%[1]d(%%rip)",
		missing: "leaq name_%[1]d(%%rip), %%rdi\n\tjmp ptycho_tf_missing",
	},
	"arm64": {
		jump:    "adrp x16, ptycho_tf_pointers+8*%[1]d\n\tldr x16, [x16, :lo12:ptycho_tf_pointers+8*%[1]d]\n\tbr x16",
		missing: "adrp x0, name_%[1]d\n\tadd x0, x0, :lo12:name_%[1]d\n\tb ptycho_tf_missing",
	},
}

// assembly writes the jumps, what they lead to before the library is bound,
// and the tables of bind.c.
func assembly(arch string, names []string) ([]byte, error) {
	m, ok := machines[arch]
	if !ok {
		return nil, fmt.Errorf("processor %s is not known; want amd64 or arm64", arch)
	}
	var text, pointers, list, strs bytes.Buffer
	for i, name := range names {
		fmt.Fprintf(&text, "\t.globl %[1]s\n\t.type %[1]s, %%function\n%[1]s:\n", name)
		fmt.Fprintf(&text, "\t"+m.jump+"\n\t.size %[2]s, .-%[2]s\n", i, name)
		fmt.Fprintf(&text, "missing_%[1]d:\n\t"+m.missing+"\n", i)
		fmt.Fprintf(&pointers, "\t.quad missing_%d\n", i)
		fmt.Fprintf(&list, "\t.quad name_%d\n", i)
		fmt.Fprintf(&strs, "name_%d:\n\t.asciz %q\n", i, name)
	}
	var s bytes.Buffer
	fmt.Fprintf(&s, "\t.hidden ptycho_tf_missing\n\t.text\n%s", &text)
	for _, t := range []struct {
		name string
		body fmt.Stringer
	}{{"ptycho_tf_pointers", &pointers}, {"ptycho_tf_names", &list}} {
		fmt.Fprintf(&s, "\t.data\n\t.balign 8\n\t.globl %[1]s\n\t.hidden %[1]s\n%[1]s:\n%[2]s", t.name, t.body)
	}
	fmt.Fprintf(&s, "\t.section .rodata\n\t.balign 8\n\t.globl ptycho_tf_count\n\t.hidden ptycho_tf_count\nptycho_tf_count:\n\t.quad %d\n%s", len(names), &strs)
	fmt.Fprintf(&s, "\t.section .note.GNU-stack,\"\",%%progbits\n")
	return s.Bytes(), nil
}

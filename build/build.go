// Package build says which native libraries this version is made for and
// where the set-up scripts put them.
package build

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:embed natives.txt
var natives string

// Package is a pinned wheel that a native runtime is taken from.
type Package struct {
	Set     string // the runtime it belongs to, such as torch
	Name    string
	Version string
	SHA256  string // of the wheel, in hexadecimal
}

// Pinned lists the wheels in the order of natives.txt.
func Pinned() []Package {
	var all []Package
	for line := range strings.Lines(natives) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		if len(f) != 4 {
			panic(fmt.Sprintf("build: BUG: natives.txt: %q", line))
		}
		all = append(all, Package{Set: f[0], Name: f[1], Version: f[2], SHA256: f[3]})
	}
	return all
}

// Version gives the pinned version of a set, tensorflow or torch: that of its
// first package.
func Version(set string) string {
	for _, p := range Pinned() {
		if p.Set == set {
			return p.Version
		}
	}
	panic(fmt.Sprintf("build: BUG: natives.txt has no set %s", set))
}

// TensorFlowDir gives the directory of the cache for libtensorflow_cc.so.2 of
// the pinned version. It may not exist yet.
func TensorFlowDir() (string, error) { return setDir("tensorflow") }

// TorchDir gives the directory of the cache for LibTorch of the pinned
// version: it holds lib/libtorch_cpu.so and include. It may not exist yet.
func TorchDir() (string, error) { return setDir("torch") }

func setDir(set string) (string, error) {
	root, err := cacheRoot()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, set+"-"+Version(set)), nil
}

// cacheRoot is $PTYCHO_CACHE, an absolute path, else the folder ptychobridge in
// the user's cache directory. natives.sh has the same rule. A relative path
// would mean one place to the scripts and another to a program or a test that
// runs elsewhere.
func cacheRoot() (string, error) {
	if root := os.Getenv("PTYCHO_CACHE"); filepath.IsAbs(root) {
		return root, nil
	} else if root != "" {
		return "", fmt.Errorf("build: the cache %s is a relative path, which means another place in every directory; give PTYCHO_CACHE as an absolute one", root)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("build: cache directory: %w; set PTYCHO_CACHE to a directory", err)
	}
	return filepath.Join(dir, "ptychobridge"), nil
}

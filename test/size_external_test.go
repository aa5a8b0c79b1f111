//go:build external

package test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"menu-api/test/program"
)

// maxBinary is the maximum size of the stripped binary in bytes. The container image, which contains little else, must stay under
// 30 MB.
const maxBinary = 29 << 20

// TestBinaryIsSmall builds the program as a release does, and checks its size and its version. It also finds code that looks up
// methods by names that are known only at run time. Because of one such call, the linker keeps the exported methods of every
// type, and the binary is a quarter larger.
func TestBinaryIsSmall(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "menu-api")
	// -dumpdep prints the dependencies of each function, as "caller -> callee".
	dependencies, err := program.Build(".", binary, "-ldflags=-s -w -X menu-api/cli.release=v1.2.3 -dumpdep")
	must(t, err)
	if got, want := mustOutput(t, exec.Command(binary, "version")), "menu-api v1.2.3 go"; !strings.HasPrefix(got, want) {
		t.Errorf("got the version %q, want it to begin with %q", got, want)
	}
	info, err := os.Stat(binary)
	must(t, err)
	if info.Size() > maxBinary {
		t.Errorf("got a binary of %.1f MB, want at most %.1f (see docs/performance.md)", mb(info.Size()), mb(maxBinary))
	}

	edges := 0
	for lines := bufio.NewScanner(bytes.NewReader(dependencies)); lines.Scan(); {
		caller, _, isEdge := strings.Cut(lines.Text(), " -> ")
		if !isEdge {
			continue
		}
		edges++
		caller, looksUp := strings.CutSuffix(caller, " <ReflectMethod>")
		// Calls inside reflect have no effect unless another caller appears too.
		if looksUp && !strings.HasPrefix(caller, "reflect.") {
			t.Fatalf("%s looks up methods by name, so the linker keeps all of them: remove it, for example with a build tag", caller)
		}
	}
	if edges < 10_000 {
		t.Errorf("the linker printed %d dependencies, want all: has the format of -dumpdep changed?", edges)
	}
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }

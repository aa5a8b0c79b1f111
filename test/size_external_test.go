//go:build external

package test

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"menu-api/test/program"
)

// maxBinary is what the stripped binary may weigh, in bytes. The container image, which holds little else, is to stay
// under 30 MB.
const maxBinary = 29 << 20

// TestBinaryIsSmall builds the program as `make build` does. It also names what has the linker keep the exported methods
// of every type: a way to call a method whose name is not known before the program runs. One such call makes the binary a
// quarter larger.
func TestBinaryIsSmall(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "menu-api")
	dependencies, err := program.Build(".", binary, "-ldflags=-s -w -dumpdep") // of each function, as "caller -> callee"
	must(t, err)
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxBinary {
		t.Errorf("the binary has %.1f MB, want at most %.1f: docs/performance.md says what weighs how much", mb(info.Size()), mb(maxBinary))
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
			t.Fatalf("%s finds methods by name, so that the linker keeps them all: leave it out, by a build tag or another way", caller)
		}
	}
	if edges < 10_000 {
		t.Errorf("the linker printed %d dependencies, want all: has the format of -dumpdep changed?", edges)
	}
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }

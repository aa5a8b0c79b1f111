// Package program builds the program for the tests that run it as a process.
package program

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"testing"
)

// MustBuild builds this project and returns the path of the program. All tests share the file, so only the first call builds it.
func MustBuild(tb testing.TB) string {
	tb.Helper()
	file, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	return file
}

var build = sync.OnceValues(func() (string, error) {
	_, here, _, _ := runtime.Caller(0)
	project := filepath.Join(filepath.Dir(here), "..", "..")
	file, flags := filepath.Join(project, "bin", "test", "menu-api"), []string(nil)
	if testing.CoverMode() != "" {
		file, flags = file+"-cover", []string{"-cover", "-coverpkg=./..."}
	}
	_, err := Build(project, file, flags...)
	return file, err
})

// Build builds the project in the folder as `make build` does, without the race detector. Because of -trimpath, it reuses what was
// compiled in other folders. It returns the output of the compiler.
func Build(project, file string, flags ...string) (output []byte, err error) {
	makefile, err := os.ReadFile(filepath.Join(project, "Makefile")) //nolint:gosec // of this project
	if err != nil {
		return nil, err
	}
	tags := regexp.MustCompile(`(?m)^TAGS\s*:= (\S+)$`).FindSubmatch(makefile)
	if tags == nil {
		return nil, fmt.Errorf("%s/Makefile has no TAGS", project)
	}
	// Without the version control's stamp, the build also works in a working copy of another user.
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-tags", string(tags[1]), "-ldflags=-s -w", "-o", file}, flags...)
	cmd := exec.Command("go", append(args, ".")...)                   //nolint:gosec,noctx // of this project
	cmd.Dir, cmd.Env = project, append(os.Environ(), "CGO_ENABLED=0") //nolint:forbidigo // of the tests
	if output, err = cmd.CombinedOutput(); err != nil {
		err = fmt.Errorf("go build: %w\n%s", err, output[max(0, len(output)-2000):])
	}
	return output, err
}

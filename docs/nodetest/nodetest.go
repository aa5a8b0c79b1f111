// Package nodetest runs the programs in docs/node_modules, which `make test` installs, in tests.
package nodetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Tool returns the path of a program in docs/node_modules. It fails the test if the program is not installed.
func Tool(tb testing.TB, name string) string {
	tb.Helper()
	file := filepath.Join(modules(tb), ".bin", name)
	if _, err := os.Stat(file); err != nil {
		tb.Fatalf("%s is not installed in docs/node_modules: run `make test`, which installs it", name)
	}
	if _, err := exec.LookPath("node"); err != nil {
		tb.Fatalf("%s needs Node.js: run `make test`, which says how to install it", name)
	}
	return file
}

// CheckTypes fails the test if the TypeScript source has a type error. It can import packages in docs/node_modules.
func CheckTypes(tb testing.TB, source string) {
	tb.Helper()
	dir := tb.TempDir()
	if err := os.Symlink(modules(tb), filepath.Join(dir, "node_modules")); err != nil {
		tb.Fatal(err)
	}
	file := filepath.Join(dir, "source.mts")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		tb.Fatal(err)
	}
	check := exec.CommandContext(tb.Context(), Tool(tb, "tsc"), //nolint:gosec // a program of ours
		"--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2023", file)
	check.Dir = dir
	if output, err := check.CombinedOutput(); err != nil {
		tb.Errorf("%v: %s\nin\n%s", err, output, source)
	}
}

func modules(tb testing.TB) string {
	tb.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		tb.Fatal("no caller information")
	}
	return filepath.Join(filepath.Dir(filepath.Dir(file)), "node_modules")
}

// Package deploy tests the files that publish and run the program: workflows, packages, manifests, dashboards and alerts.
package deploy

import (
	"os"
	"os/exec"
	"testing"
)

func TestMain(m *testing.M) {
	// The tests name files from the root of the repository.
	if err := os.Chdir("../.."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func mustReadFile(tb testing.TB, name string) []byte {
	tb.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return content
}

// mustRun returns the output of a program. It fails the test if the program fails.
func mustRun(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	output, err := exec.CommandContext(tb.Context(), name, args...).CombinedOutput()
	if err != nil {
		tb.Fatalf("%s %q: %v\n%s", name, args, err, output)
	}
	return string(output)
}

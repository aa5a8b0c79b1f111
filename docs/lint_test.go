//go:build external

package docs_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"menu-api/docs/nodetest"
)

// linters are the programs that check the OpenAPI document.
var linters = []struct {
	name    string
	args    []string
	finding string // the rule that TestLintersFind breaks
}{
	{"spectral", []string{"lint", "--fail-severity", "hint", "--ruleset", ".spectral.yaml"}, "operation-operationId"},
	{"redocly", []string{"lint", "--config", "redocly.yaml"}, "operation-operationId"},
}

func lint(tb testing.TB, name string, args ...string) (output string, err error) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), nodetest.Tool(tb, name), args...)
	cmd.Env = append(os.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true", "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestLint: Spectral, with OWASP's rules, and Redocly report no findings.
func TestLint(t *testing.T) {
	t.Parallel()
	for _, linter := range linters {
		t.Run(linter.name, func(t *testing.T) {
			t.Parallel()
			if output, err := lint(t, linter.name, append(linter.args, "openapi.yaml")...); err != nil {
				t.Errorf("%v\n%s", err, output)
			}
		})
	}
}

// TestLintersFind: a finding makes the linters fail.
func TestLintersFind(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	broken := t.TempDir() + "/openapi.yaml"
	wrong := strings.Replace(string(document), "      operationId: getMe\n", "", 1)
	if err := os.WriteFile(broken, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, linter := range linters {
		t.Run(linter.name, func(t *testing.T) {
			t.Parallel()
			output, err := lint(t, linter.name, append(linter.args, broken)...)
			if err == nil || !strings.Contains(output, linter.finding) {
				t.Errorf("got %v, want a finding of the rule %s\n%s", err, linter.finding, output)
			}
		})
	}
}

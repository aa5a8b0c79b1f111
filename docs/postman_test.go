//go:build external

package docs_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"menu-api/docs/docstest"
	"menu-api/docs/nodetest"
)

const (
	collection = "menu-api.postman_collection.json"
	// minAssertions is a little less than the number in the collection, so that a run that skips half of it fails.
	minAssertions = 300
)

// TestPostmanCollection runs the Postman collection with newman against the program in development mode.
func TestPostmanCollection(t *testing.T) {
	t.Parallel()
	newman := nodetest.Tool(t, "newman")
	server := mustStartDev(t)
	api := docstest.Proxy(t, server.api)

	// The second run shows that the first one leaves the database as it was.
	for _, run := range []string{"new database", "same database again"} {
		t.Run(run, func(t *testing.T) {
			report := filepath.Join(t.TempDir(), "report.json")
			cmd := exec.CommandContext(t.Context(), newman, "run", collection,
				"--environment", "menu-api.dev.postman_environment.json",
				"--env-var", "baseUrl="+api,
				"--env-var", "issuer="+server.issuer,
				"--timeout-request", "10000",
				"--reporters", "cli,json",
				"--reporter-json-export", report,
				"--color", "off")
			cmd.Env = append(os.Environ(), "FORCE_COLOR=0") // --color does not affect newman's table of failures
			if output, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("newman: %v\n%s", err, output)
			}
			checkReport(t, report)
		})
	}
	server.stop(t)
}

// checkReport checks that newman ran the assertions. Its exit status is 0 even if it ran none.
func checkReport(t *testing.T, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Run struct {
			Stats struct {
				Assertions, Requests struct{ Total, Pending, Failed int }
			}
			Failures []json.RawMessage
		}
	}
	if err := json.Unmarshal(content, &report); err != nil {
		t.Fatalf("newman's report: %v", err)
	}
	assertions, requests := report.Run.Stats.Assertions, report.Run.Stats.Requests
	t.Logf("%d requests, %d assertions", requests.Total, assertions.Total)
	if assertions.Total < minAssertions || assertions.Pending != 0 {
		t.Errorf("got %d assertions, %d of them not run; want at least %d, all run", assertions.Total, assertions.Pending, minAssertions)
	}
	if assertions.Failed != 0 || requests.Failed != 0 || len(report.Run.Failures) != 0 {
		t.Errorf("got %d failed assertions, %d failed requests, failures %s; want none", assertions.Failed, requests.Failed, report.Run.Failures)
	}
}

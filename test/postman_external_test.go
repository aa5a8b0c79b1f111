//go:build external

package test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"menu-api/docs/docstest"
	"menu-api/docs/nodetest"
)

const (
	collection = "docs/menu-api.postman_collection.json"
	// postmanCLI is an optional dependency. Its package names no command.
	postmanCLI = "docs/node_modules/@postman/pm-bin-linux-x64/bin/postman"
	// minAssertions is a little less than the number in the collection, so that a run that skips half of it fails.
	minAssertions = 300
)

// TestPostmanCollection runs the Postman collection against the program in development mode, with newman and with Postman's
// own CLI.
func TestPostmanCollection(t *testing.T) {
	t.Parallel()
	newman := nodetest.Tool(t, "newman")
	server := start(t, "dev", nil)
	api := docstest.Proxy(t, server.api)

	// Every run but the first one shows that the one before it leaves the database as it was.
	for _, run := range []struct {
		name, program   string
		args            []string
		baseURL, issuer string
	}{
		{"newman, new database", newman, []string{"run", "--color", "off"}, api, server.issuer},
		{
			"newman, same database again, addresses with the other end", newman,
			[]string{"run", "--color", "off"},
			api + "/", strings.TrimSuffix(server.issuer, "/"),
		},
		{"Postman CLI", postmanCLI, []string{"collection", "run", "--reporter-json-structure", "newman"}, api, server.issuer},
	} {
		t.Run(run.name, func(t *testing.T) {
			if _, err := os.Stat(run.program); run.program == postmanCLI && err != nil {
				t.Skip("Postman's CLI is installed only on Linux on x64")
			}
			report := filepath.Join(t.TempDir(), "report.json")
			cmd := exec.CommandContext(t.Context(), run.program, append(run.args, collection,
				"--environment", "docs/menu-api.dev.postman_environment.json",
				"--env-var", "baseUrl="+run.baseURL,
				"--env-var", "issuer="+run.issuer,
				"--timeout-request", "10000",
				"--reporters", "cli,json",
				"--reporter-json-export", report)...)
			cmd.Env = append(os.Environ(), "FORCE_COLOR=0") // --color does not affect newman's table of failures
			if output, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", run.program, err, output)
			}
			checkReport(t, report)
		})
	}
}

// checkReport checks that the assertions ran. The exit status is 0 even if none did.
func checkReport(t *testing.T, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	must(t, err)
	var report struct {
		Run struct {
			Stats struct {
				Assertions, Requests struct{ Total, Pending, Failed int }
			}
			Failures []json.RawMessage
		}
	}
	if err := json.Unmarshal(content, &report); err != nil {
		t.Fatalf("the report: %v", err)
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

// folder is a request of the collection, or a folder of them.
type folder struct {
	Name     string
	Request  json.RawMessage
	Response []struct {
		Code            int
		Body            string
		Language        string `json:"_postman_previewlanguage"`
		OriginalRequest json.RawMessage
	}
	Item []folder
}

// TestPostmanExamples: each request has an example response, for published documentation and mock servers.
func TestPostmanExamples(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(collection)
	must(t, err)
	var all folder
	must(t, json.Unmarshal(content, &all))
	checkExamples(t, all)
}

func checkExamples(t *testing.T, f folder) {
	t.Helper()
	for _, item := range f.Item {
		checkExamples(t, item)
	}
	if f.Request != nil && len(f.Response) == 0 {
		t.Errorf("%s has no example response", f.Name)
	}
	for _, example := range f.Response {
		isJSON := example.Body == "" || example.Language != "json" || json.Valid([]byte(example.Body))
		if example.Code == 0 || example.OriginalRequest == nil || !isJSON {
			t.Errorf("%s has the incomplete example %+v", f.Name, example)
		}
	}
}

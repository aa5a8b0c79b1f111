//go:build external

// Package browser_test runs the browser tests, which are written for Playwright, against the real program.
package browser_test

import (
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"menu-api/items/postgres/pgtest"
	"menu-api/test/program"
)

// minTests is slightly below the number of tests, so that a run that skips many does not pass.
const minTests = 70

// TestBrowser runs Playwright and takes arguments for it: go test -count=1 ./test/browser -v -args -- -g "sign out"
//
//nolint:paralleltest // the only test; Playwright runs its tests in parallel
func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a browser and a build of the program: left out by -short")
	}
	report := filepath.Join(t.TempDir(), "report.json")
	databases := make(chan chan string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := make(chan string, 1)
		select {
		case databases <- answer:
		case <-r.Context().Done():
			return
		}
		select {
		case database := <-answer:
			_, _ = w.Write([]byte(database))
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)

	args := flag.Args()
	if len(args) == 0 {
		args = []string{"--project=provider", "--project=page", "--project=sqlite", "--project=postgres"}
	}
	if _, err := os.Stat("../../dashboard/dist/index.html"); err != nil {
		t.Fatal("the dashboard is not built: run `make dashboard`")
	}
	cmd := mustPlaywright(t, append([]string{"test"}, args...)...)
	cmd.Env = append(os.Environ(), "BROWSER_PROGRAM="+program.MustBuild(t), "BROWSER_DATABASES="+server.URL, "BROWSER_REPORT="+report)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case answer := <-databases: // here, because only the test's goroutine may call t.Fatal
			answer <- pgtest.NewDatabase(t)
		case err := <-ended:
			if err != nil {
				t.Errorf("playwright: %v; traces are in test/browser/results", err)
			}
			checkReport(t, report, len(flag.Args()) == 0)
			return
		}
	}
}

// checkReport checks that the tests ran, which an exit status of 0 does not prove.
func checkReport(t *testing.T, file string, all bool) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Stats struct{ Expected, Unexpected, Skipped, Flaky int }
	}
	if err := json.Unmarshal(content, &report); err != nil {
		t.Fatalf("Playwright's report: %v", err)
	}
	stats := report.Stats
	t.Logf("%d browser tests", stats.Expected)
	if stats.Unexpected != 0 || stats.Skipped != 0 || stats.Flaky != 0 {
		t.Errorf("got %d failed, %d skipped and %d flaky tests, want none", stats.Unexpected, stats.Skipped, stats.Flaky)
	}
	if all && stats.Expected < minTests {
		t.Errorf("got %d tests, want at least %d", stats.Expected, minTests)
	}
}

// mustPlaywright returns a Playwright command that stops before the deadline of the test, in time to write its traces.
func mustPlaywright(tb testing.TB, args ...string) *exec.Cmd {
	tb.Helper()
	if _, err := os.Stat("node_modules/@playwright/test/cli.js"); err != nil {
		tb.Fatal("Playwright is not installed in test/browser/node_modules: run `make test`, which installs it")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		tb.Fatal("the browser tests need Node.js: run `make test`, which says how to install it")
	}
	ctx := tb.Context()
	if t, ok := tb.(*testing.T); ok {
		if deadline, ok := t.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, deadline.Add(-20*time.Second))
			tb.Cleanup(cancel)
		}
	}
	cmd := exec.CommandContext(ctx, node, append([]string{"node_modules/@playwright/test/cli.js"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 15 * time.Second
	return cmd
}

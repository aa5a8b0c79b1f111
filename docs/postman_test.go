package docs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"menu-api/docs/docstest"
	"menu-api/docs/nodetest"
	"menu-api/items/postgres/pgtest"
)

const (
	collection = "menu-api.postman_collection.json"
	// minAssertions is somewhat under what the collection has, so that a run that skips half of it does not pass.
	minAssertions = 300
)

// TestPostmanCollection runs the Postman collection against the real binary in development mode, as its users do.
func TestPostmanCollection(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs Node.js and a build of the program: left out by -short")
	}
	newman := nodetest.Tool(t, "newman")
	server := mustStartDev(t)
	api := docstest.Proxy(t, server.api)

	// Twice, since the collection must leave the database as it found it.
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
			cmd.Env = append(os.Environ(), "FORCE_COLOR=0") // the option does not reach its table of failures
			if output, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("newman: %v\n%s", err, output)
			}
			checkReport(t, report)
		})
	}
	server.stop(t)
}

// checkReport looks at what was run: an exit status of 0 does not say that anything was.
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

// devServer is a running `menu-api dev`.
type devServer struct {
	api, issuer string
	issuerPort  string
	binary      string
	process     *os.Process
	ended       chan struct{} // closed when it has
	err         error         // how it ended
	log         string        // the name of a file
}

// mustStartDev builds the program and starts it in a folder of its own, with settings that come from nowhere else.
func mustStartDev(tb testing.TB) *devServer {
	tb.Helper()
	dir := tb.TempDir()
	binary := filepath.Join(dir, "menu-api")
	// Without the version control's stamp: the tests also run where the working copy belongs to somebody else.
	build := exec.CommandContext(tb.Context(), "go", "build", "-buildvcs=false", "-o", binary, "menu-api")
	if output, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("go build: %v\n%s", err, output)
	}

	apiPort, issuerPort := mustFindPorts(tb)
	s := &devServer{
		api:    "http://localhost:" + apiPort,
		issuer: "http://localhost:" + issuerPort + "/",

		issuerPort: issuerPort,
		binary:     binary,

		ended: make(chan struct{}),
		log:   filepath.Join(dir, "server.log"),
	}
	log, err := os.Create(s.log)
	if err != nil {
		tb.Fatal(err)
	}
	// Not bound to the test's context: that would kill the program where this test wants to see it stop by itself.
	cmd := exec.CommandContext(context.WithoutCancel(tb.Context()), binary, "dev")
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = []string{
		"PORT=" + apiPort,
		"DEV_IDP_PORT=" + issuerPort,
		"DATABASE_URL=" + pgtest.DatabaseURL(tb),
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	s.process = cmd.Process
	go func() {
		defer close(s.ended)
		s.err = cmd.Wait()
	}()
	tb.Cleanup(func() {
		_ = s.process.Kill() // after an orderly stop there is nothing to kill
		<-s.ended
		_ = log.Close()
	})
	s.waitUntilReady(tb)
	return s
}

func (s *devServer) waitUntilReady(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	for {
		err := isReady(ctx, s.api+"/readyz")
		if err == nil {
			return
		}
		select {
		case <-s.ended:
			tb.Fatalf("the server ended before it was ready: %v\n%s", s.err, s.output())
		case <-ctx.Done():
			tb.Fatalf("the server did not become ready: %v\n%s", err, s.output())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func isReady(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// stop ends the server as a container's runtime does, and checks that it goes in good order.
func (s *devServer) stop(tb testing.TB) {
	tb.Helper()
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		tb.Fatalf("SIGTERM: %v\n%s", err, s.output())
	}
	select {
	case <-s.ended:
		if s.err != nil {
			tb.Errorf("after SIGTERM the server ended with %v, want exit status 0\n%s", s.err, s.output())
		}
	case <-time.After(20 * time.Second):
		tb.Errorf("the server still ran 20 s after SIGTERM\n%s", s.output())
	}
}

func (s *devServer) output() string {
	content, err := os.ReadFile(s.log)
	if err != nil {
		return fmt.Sprintf("(no output: %v)", err)
	}
	return string(content)
}

// mustFindPorts returns two free ports. Both are held until both are found, so that they differ.
func mustFindPorts(tb testing.TB) (first, second string) {
	tb.Helper()
	a, b := mustListen(tb), mustListen(tb)
	for _, listener := range []net.Listener{a, b} {
		if err := listener.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	return portOf(tb, a), portOf(tb, b)
}

func mustListen(tb testing.TB) net.Listener {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return listener
}

func portOf(tb testing.TB, listener net.Listener) string {
	tb.Helper()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	return port
}

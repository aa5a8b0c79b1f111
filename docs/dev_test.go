//go:build external

package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"menu-api/items/postgres/pgtest"
	"menu-api/test/program"
)

// devServer is a running `menu-api dev`.
type devServer struct {
	api, issuer, issuerPort string
	binary                  string
	process                 *exec.Cmd
	log                     string // the name of a file
}

// banner finds the addresses in the output of `menu-api dev`.
var banner = regexp.MustCompile(`Dashboard +(http://localhost:\d+)/\n(?s:.*)Identity provider +(http://localhost:(\d+)/)`)

// mustStartDev starts the program in an empty folder, with only the settings below.
func mustStartDev(tb testing.TB) *devServer {
	tb.Helper()
	dir := tb.TempDir()
	s := &devServer{binary: program.MustBuild(tb), log: filepath.Join(dir, "server.log")}
	log, err := os.Create(s.log)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = log.Close() })
	// Not bound to the test's context, which would kill the program before stop can end it.
	s.process = exec.Command(s.binary, "dev")
	s.process.Dir, s.process.Stdout, s.process.Stderr = dir, log, log
	s.process.Env = []string{"PORT=0", "DEV_IDP_PORT=0", "DATABASE_URL=" + pgtest.DatabaseURL(tb)}
	if err := s.process.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if s.process.ProcessState == nil { // stop was not called
			_ = s.process.Process.Kill()
			_ = s.process.Wait()
		}
	})
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if m := banner.FindStringSubmatch(s.output(tb)); m != nil {
			s.api, s.issuer, s.issuerPort = m[1], m[2], m[3]
			return s
		}
	}
	tb.Fatalf("the server did not start:\n%s", s.output(tb))
	return nil
}

// stop ends the server as a container runtime does, and checks its exit status.
func (s *devServer) stop(tb testing.TB) {
	tb.Helper()
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		tb.Fatal(err)
	}
	kill := time.AfterFunc(20*time.Second, func() { _ = s.process.Process.Kill() })
	defer kill.Stop()
	if err := s.process.Wait(); err != nil {
		tb.Errorf("after SIGTERM the server ended with %v, want exit status 0 within 20 s\n%s", err, s.output(tb))
	}
}

func (s *devServer) output(tb testing.TB) string {
	tb.Helper()
	content, err := os.ReadFile(s.log)
	if err != nil {
		tb.Fatal(err)
	}
	return string(content)
}

//go:build unix

package pgtest

import (
	"fmt"
	"strconv"
	"testing"
)

// StartStandby starts a synchronous standby: commits wait until it has them. It is removed after the test.
func (s *Server) StartStandby(tb testing.TB) *Server {
	tb.Helper()
	standby := s.copy(tb, "--write-recovery-conf")
	if err := standby.launchAnywhere(); err != nil {
		tb.Fatalf("the standby does not start: %v\n%s", err, standby.log())
	}
	// After the copy, because the standby would copy the setting and, once promoted, wait for a standby itself.
	must(tb, execute(s.URL(), "ALTER SYSTEM SET synchronous_standby_names = '*'"))
	must(tb, execute(s.URL(), "SELECT pg_reload_conf()"))
	return standby
}

// copy returns a copy of the server, which is not started and is removed after the test.
func (s *Server) copy(tb testing.TB, options ...string) *Server {
	tb.Helper()
	copied := &Server{programs: s.programs, account: s.account, settings: s.settings}
	must(tb, copied.settle())
	tb.Cleanup(copied.remove)
	program, err := s.programs.other("pg_basebackup")
	must(tb, err)
	copying := command(copied.folder, s.account, program, append([]string{
		"--pgdata=" + copied.data(), "--host=127.0.0.1", "--port=" + strconv.Itoa(s.port), "--username=postgres", "--checkpoint=fast", "--no-sync",
	}, options...)...)
	if out, err := copying.CombinedOutput(); err != nil {
		tb.Fatalf("pg_basebackup: %v\n%s", err, out)
	}
	return copied
}

// Promote makes a standby the primary server.
func (s *Server) Promote(tb testing.TB) {
	tb.Helper()
	must(tb, execute(s.URL(), "SELECT pg_promote()"))
}

// Address returns the host and port of the server.
func (s *Server) Address() string { return fmt.Sprint("127.0.0.1:", s.port) }

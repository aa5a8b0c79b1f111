//go:build unix

package pgtest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// StartArchiving starts a server that archives its write-ahead log, so that BaseBackup and Recover can go back in time. It is
// removed after the test. The settings are those of docs/backup.md.
func StartArchiving(tb testing.TB) *Server {
	tb.Helper()
	// The commands run in the folder data.
	return Start(tb, "archive_mode=on", "archive_command=mkdir -p ../archive && test ! -f ../archive/%f && cp %p ../archive/%f", "archive_timeout=1")
}

// BaseBackup copies the server while it runs. The copy is removed after the test. Recover starts it.
func (s *Server) BaseBackup(tb testing.TB) *Server {
	tb.Helper()
	return s.copy(tb)
}

// Recover starts a copy with what the archive of the original has up to a time, and returns when the copy takes writes.
func (s *Server) Recover(tb testing.TB, original *Server, to time.Time) {
	tb.Helper()
	must(tb, os.WriteFile(filepath.Join(s.data(), "recovery.signal"), nil, 0o600))
	s.settings = []string{
		"restore_command=cp " + original.folder + "/archive/%f %p",
		"recovery_target_time=" + to.UTC().Format("2006-01-02 15:04:05.000000+00"),
		"recovery_target_action=promote",
	}
	if err := s.launchAnywhere(); err != nil {
		tb.Fatalf("the copy does not start: %v\n%s", err, s.log())
	}
	for deadline := time.Now().Add(timeout); ; time.Sleep(50 * time.Millisecond) {
		// The statement fails on a server that is still in recovery.
		err := execute(s.URL(), "CREATE TEMPORARY TABLE writable ()")
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatal(fmt.Errorf("the copy is still in recovery: %w\n%s", err, s.log()))
		}
	}
}

//go:build unix

package pgtest

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// Server is a PostgreSQL server for one test, which may make it fail. It listens on 127.0.0.1 and needs no password. One goroutine
// at a time may call its methods.
type Server struct {
	programs programs
	account  *syscall.Credential
	folder   string // contains the folder data and the file log
	settings []string
	port     int
	keeper   *keeper
	running  *postmaster // nil if it was never started
}

// Start starts a server that is removed after the test. A setting is such as "max_connections=10". With the
// default settings, commits survive a crash.
func Start(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	s, err := newServer(settings)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("the end of the server's log:\n%s", s.log())
		}
		s.remove()
	})
	return s
}

// newServer starts a server with the data of a new installation. It copies them, because initdb takes a second or more.
func newServer(settings []string) (_ *Server, err error) {
	template, err := initialised()
	if err != nil {
		return nil, err
	}
	s := &Server{programs: template.programs, account: template.account, settings: settings}
	if err := s.settle(); err != nil {
		return nil, err
	}
	_, err = command(s.folder, s.account, "cp", "-R", template.data(), s.data()).Output()
	if err == nil {
		err = s.launchAnywhere()
	}
	if err != nil {
		defer s.remove()
		return nil, fmt.Errorf("PostgreSQL does not start in %s: %w\n%s", s.folder, err, s.log())
	}
	return s, nil
}

// initialised returns a server that was never started. It is removed with the test process.
var initialised = sync.OnceValues(func() (_ *Server, err error) {
	s := &Server{}
	if s.programs, err = findPrograms(); err != nil {
		return nil, err
	}
	if s.account, err = account(); err != nil {
		return nil, err
	}
	if err := s.settle(); err != nil {
		return nil, err
	}
	if err := s.initdb(); err != nil {
		defer s.remove()
		return nil, fmt.Errorf("initdb fails in %s: %w\n%s", s.folder, err, s.log())
	}
	return s, nil
})

// settle creates the server's folder, and a keeper that removes it.
func (s *Server) settle() (err error) {
	if s.folder, err = os.MkdirTemp("", "menu-pgtest-"); err != nil {
		return err
	}
	if s.account != nil {
		err = os.Chown(s.folder, int(s.account.Uid), int(s.account.Gid))
	}
	if err == nil {
		s.keeper, err = newKeeper(s.folder, s.account)
	}
	if err != nil {
		_ = os.Remove(s.folder)
	}
	return err
}

func (s *Server) initdb() error {
	log, err := os.Create(s.logFile())
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := command(s.folder, s.account, s.programs.initdb, "--pgdata="+s.data(), "--auth=trust", "--encoding=UTF8",
		"--locale=C.UTF-8", "--no-sync", "--username=postgres")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	s.keeper.watch(cmd.Process.Pid)
	defer s.keeper.watch(0)
	return cmd.Wait()
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

func (s *Server) logFile() string { return filepath.Join(s.folder, "log") }

// log returns the end of the log since the last start.
func (s *Server) log() string {
	text, _ := os.ReadFile(s.logFile()) // before the first start, there is no log
	return string(text[max(0, len(text)-4096):])
}

// remove ends the server and deletes its folder.
func (s *Server) remove() {
	_ = s.thaw() // a frozen process does not end
	s.keeper.finish()
	_ = os.RemoveAll(s.folder) // the keeper's account may lack the right to do so
}

// URL returns the address of the database postgres for the superuser postgres.
func (s *Server) URL() string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", s.port)
}

// NewDatabase returns the URL of a new, empty database, which is removed with the server.
func (s *Server) NewDatabase(tb testing.TB) string {
	tb.Helper()
	_, database, err := create(s.URL(), "template0")
	if err != nil {
		tb.Fatal(err)
	}
	return database
}

// Start starts the server again with its data, at the same address.
func (s *Server) Start(tb testing.TB) {
	tb.Helper()
	if s.up() {
		tb.Fatal("the server runs already")
	}
	if err := s.launchAgain(); err != nil {
		tb.Fatalf("PostgreSQL does not start again: %v\n%s", err, s.log())
	}
}

// Stop shuts the server down without waiting for its clients (a fast shutdown).
func (s *Server) Stop(tb testing.TB) {
	tb.Helper()
	must(tb, s.thaw())
	must(tb, s.running.cmd.Process.Signal(syscall.SIGINT)) // the postmaster ends the others
	must(tb, s.running.wait())
}

// Restart stops and starts the server.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	s.Stop(tb)
	s.Start(tb)
}

// Kill ends all processes of the server at once, as a crash does, and returns when they have ended.
func (s *Server) Kill(tb testing.TB) {
	tb.Helper()
	all, err := s.freeze() // so that no process reacts to the end of another
	must(tb, err)
	send(syscall.SIGKILL, all)
	must(tb, s.running.wait())
}

// Pause freezes all processes of the server. Its clients stay connected, and new ones can open a connection, but the
// server does not respond.
func (s *Server) Pause(tb testing.TB) {
	tb.Helper()
	_, err := s.freeze()
	must(tb, err)
}

// Resume ends a Pause.
func (s *Server) Resume(tb testing.TB) {
	tb.Helper()
	must(tb, s.thaw())
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

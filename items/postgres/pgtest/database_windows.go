package pgtest

import "testing"

// NewDatabase fails the test: the servers need signals and users of Unix.
func NewDatabase(tb testing.TB) string { return new(Server).NewDatabase(tb) }

// NewMigratedDatabase fails the test.
func NewMigratedDatabase(tb testing.TB, _ func(string) error) string { return NewDatabase(tb) }

// Server exists so that the tests of both engines compile.
type Server struct{}

// NewDatabase fails the test.
func (*Server) NewDatabase(tb testing.TB) string {
	tb.Helper()
	tb.Fatal("the tests of PostgreSQL need Unix")
	return ""
}

// Kill does nothing, because there is no server.
func (*Server) Kill(testing.TB) {}

// Start does nothing, because there is no server.
func (*Server) Start(testing.TB) {}

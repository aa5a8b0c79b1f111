package pgtest

import "testing"

// NewDatabase fails the test: it starts PostgreSQL with signals and users of Unix.
func NewDatabase(tb testing.TB) string {
	tb.Helper()
	tb.Fatal("the tests of PostgreSQL need Unix")
	return ""
}

// Server exists so that the tests of both engines compile.
type Server struct{}

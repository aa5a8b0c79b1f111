package pgtest

import (
	"os"
	"path/filepath"
	"testing"
)

// DatabaseURL returns a DATABASE_URL for a new database in the engine that the tests run on. Tests
// above the store use it. They run once with each engine.
func DatabaseURL(tb testing.TB) string {
	tb.Helper()
	if IsPostgres(tb) {
		return NewDatabase(tb)
	}
	return "sqlite:" + filepath.Join(tb.TempDir(), "menu.db")
}

// IsPostgres reports which engine the tests run on. The variable TEST_DATABASE names it: sqlite, which is the default, or postgres.
func IsPostgres(tb testing.TB) bool {
	tb.Helper()
	engine := os.Getenv("TEST_DATABASE") //nolint:forbidigo // a setting of the tests
	if engine != "" && engine != "sqlite" && engine != "postgres" {
		tb.Fatalf("TEST_DATABASE is %q; it must be sqlite or postgres", engine)
	}
	return engine == "postgres"
}

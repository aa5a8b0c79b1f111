package pgtest

import (
	"os"
	"path/filepath"
	"testing"
)

// DatabaseURL returns a DATABASE_URL for a new database in the engine that the variable TEST_DATABASE names: sqlite, which
// is the default, or postgres. Tests of what is above the store use it, and are run once with each.
func DatabaseURL(tb testing.TB) string {
	tb.Helper()
	switch engine := os.Getenv("TEST_DATABASE"); engine { //nolint:forbidigo // a setting of the tests
	case "", "sqlite":
		return "sqlite:" + filepath.Join(tb.TempDir(), "menu.db")
	case "postgres":
		return NewDatabase(tb)
	default:
		tb.Fatalf("TEST_DATABASE is %q; it must be sqlite or postgres", engine)
		return ""
	}
}

// Package sqlitetest makes SQLite databases for tests.
package sqlitetest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"menu-api/items/sqlite"
)

// migrated is the content of a database that has the schema and nothing else.
var migrated = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "menu-sqlitetest-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	file := filepath.Join(folder, "menu.db")
	store, err := sqlite.Open(context.Background(), file)
	if err != nil {
		return nil, err
	}
	if err := store.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(file) //nolint:gosec // of this function
})

// NewFile returns the name of a database from Write. The name has characters that are special in URLs.
func NewFile(tb testing.TB) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "a folder?#%", "menu.db")
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		tb.Fatal(err)
	}
	Write(tb, file)
	return file
}

// Write writes a database that has the schema. A copy is faster than the migrations. All copies have the same feed id.
func Write(tb testing.TB, file string) {
	tb.Helper()
	content, err := migrated()
	if err == nil {
		err = os.WriteFile(file, content, 0o600)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

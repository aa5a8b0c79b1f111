//go:build external

package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"menu-api/items/postgres/pgtest"
)

func TestTransferBetweenEngines(t *testing.T) {
	t.Parallel()
	from, through, to, folder := newMenu(t), menu{t, pgtest.NewDatabase(t)}, newMenu(t), t.TempDir()
	from.fill()
	want := from.must("export")
	if strings.Count(want, "\n") != 7 {
		t.Fatalf("got %s, want 2 items and 5 changes", want)
	}
	from.must("backup", filepath.Join(folder, "from.db"))
	through.must("restore", filepath.Join(folder, "from.db"))
	if got := through.must("export"); got != want {
		t.Errorf("PostgreSQL: got\n%s\nwant\n%s", got, want)
	}
	through.must("backup", filepath.Join(folder, "through.db"))
	to.must("restore", filepath.Join(folder, "through.db"))
	if got := to.must("export"); got != want {
		t.Errorf("SQLite: got\n%s\nwant\n%s", got, want)
	}
	content := mustReadFile(t, filepath.Join(folder, "through.db"))
	must(t, os.WriteFile(filepath.Join(folder, "cut.db"), []byte(content[:len(content)-1]), 0o600))
	if _, err := to.run(t.Context(), "restore", "--replace", filepath.Join(folder, "cut.db")); err == nil || to.must("export") != want {
		t.Errorf("got %v for a backup that is cut off, want an error that leaves the menu as it was", err)
	}
	assertFolder(t, folder, "cut.db", "from.db", "through.db")

	// An empty menu replaces another one.
	empty := menu{t, pgtest.NewDatabase(t)}
	empty.must("migrate", "up")
	empty.must("backup", filepath.Join(folder, "empty.db"))
	to.must("restore", "--replace", filepath.Join(folder, "empty.db"))
	if got := to.must("export"); got != "" {
		t.Errorf("got %s, want no items", got)
	}
	to.must("restore", "--replace", filepath.Join(folder, "from.db"))

	// JSON Lines have everything too.
	file := filepath.Join(folder, "menu.jsonl")
	to.must("export", file)
	through.must("import", file, "--replace")
	if got := through.must("export"); got != want {
		t.Errorf("from JSON Lines: got\n%s\nwant\n%s", got, want)
	}
}

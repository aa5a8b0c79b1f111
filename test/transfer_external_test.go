//go:build external

package test

import (
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
	assertFolder(t, folder, "from.db", "through.db")

	// JSON Lines have everything too.
	file := filepath.Join(folder, "menu.jsonl")
	to.must("export", file)
	through.must("import", file, "--replace")
	if got := through.must("export"); got != want {
		t.Errorf("from JSON Lines: got\n%s\nwant\n%s", got, want)
	}
}

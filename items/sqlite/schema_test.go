package sqlite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"menu-api/items/schema"
	"menu-api/items/sqlite"
	"menu-api/items/storetest"
)

// olderSchema makes the schema of the file older, as far as a program can tell.
const olderSchema = `DELETE FROM goose_db_version WHERE version_id >= 8; DROP TABLE compatibility; DROP TABLE backups`

func TestOpenOlderSchema(t *testing.T) {
	t.Parallel()
	for use, name := range map[schema.Use]string{schema.Current: "to write, without migrations", schema.Read: "to read"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "menu.db")
			fill(t, file)
			mustExec(t, file, olderSchema)
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sqlite.OpenWith(t.Context(), file, sqlite.Options{Use: use}); err == nil || !strings.Contains(err.Error(), "menu-api migrate up") {
				t.Errorf("got error %v, want one that names the command", err)
			}
			if after, err := os.ReadFile(file); err != nil || !bytes.Equal(after, before) {
				t.Errorf("the file was changed (%v)", err)
			}
			var applied []int64
			store, err := sqlite.OpenWith(t.Context(), file, sqlite.Options{Migrated: func(version int64, _ time.Duration) { applied = append(applied, version) }})
			if err != nil || len(applied) == 0 || applied[0] != 8 {
				t.Fatalf("got the migrations %v, %v, want 8 and later ones", applied, err)
			}
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			if state, err := sqlite.Schema(t.Context(), file); err != nil || state.Version != state.Newest() || state.Oldest != 8 || len(state.Pending()) > 0 {
				t.Errorf("got %+v, %v, want the newest version", state, err)
			}
		})
	}
}

// A database of the next version can be used, unless it records that it cannot.
func TestOpenNewerSchema(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "menu.db")
	fill(t, file)
	mustExec(t, file, `
INSERT INTO goose_db_version (version_id, is_applied) VALUES (999999, 1);
ALTER TABLE items ADD COLUMN later TEXT NOT NULL DEFAULT 'kept'`)
	for _, use := range []schema.Use{schema.Migrate, schema.Current, schema.Read} {
		store, err := sqlite.OpenWith(t.Context(), file, sqlite.Options{Use: use})
		if err != nil {
			t.Fatalf("use %d: %v", use, err)
		}
		storetest.MustExport(t, store)
		if use != schema.Read {
			mustCreate(t, store, "Of an older program")
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// A restore would lose what this version does not know.
	if _, err := sqlite.OpenBackup(t.Context(), file, t.TempDir()); err == nil || !strings.Contains(err.Error(), "newer menu-api") {
		t.Errorf("OpenBackup: got %v, want an error", err)
	}
}

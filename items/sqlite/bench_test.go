package sqlite_test

import (
	"path/filepath"
	"testing"

	"menu-api/items/storetest"
)

func BenchmarkImport(b *testing.B) { storetest.BenchmarkImport(b, engine()) }

func BenchmarkPages(b *testing.B) { storetest.BenchmarkPages(b, engine()) }

func BenchmarkCreate(b *testing.B) { storetest.BenchmarkCreate(b, engine()) }

func BenchmarkSearchIndex(b *testing.B) {
	file := filepath.Join(b.TempDir(), "plain.db")
	store := mustOpen(b, file)
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	mustExec(b, file, `
DROP TABLE search_index;
CREATE VIEW search_index AS SELECT id AS rowid, search FROM items WHERE false;
CREATE TRIGGER no_index INSTEAD OF INSERT ON search_index BEGIN SELECT 1; END`)
	storetest.BenchmarkSearchIndex(b, mustOpen(b, filepath.Join(b.TempDir(), "indexed.db")), mustOpen(b, file))
}

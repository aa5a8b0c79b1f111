package sqlite

import (
	"context"
	"database/sql"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"menu-api/items"
	"menu-api/items/storetest"
)

// Every page is read along an index, from where it begins: nothing is sorted, and nothing is skipped.
func TestPagesFollowAnIndex(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	store, err := Open(ctx, filepath.Join(t.TempDir(), "menu.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	// An import makes the indexes anew.
	if err := store.Import(ctx, items.AuditInfo{}, false, storetest.Many(1000)); err != nil {
		t.Fatal(err)
	}
	for name, query := range storetest.PageQueries() {
		for _, after := range []*items.PageKey{nil, {ID: 7, Name: "noodles", Price: 500, Menu: 7000}} {
			query.After = after
			text, args := listStatement(query)
			plan, err := all(ctx, store.read, func(row *sql.Rows) (step string, err error) {
				var id, parent, unused int
				err = row.Scan(&id, &parent, &unused, &step)
				return step, err
			}, `EXPLAIN QUERY PLAN `+text, args...)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(plan, "; ")
			// SCAN is right where the page is the first of the whole menu, since the limit ends it.
			scan := query.Category == "" && after == nil
			if len(plan) != 1 || strings.Contains(got, "TEMP B-TREE") || !scan && !strings.HasPrefix(got, "SEARCH items USING") {
				t.Errorf("%s after %+v: got plan %q, want one search in an index", name, after, got)
			}
			if after != nil && !strings.Contains(got, ">") {
				t.Errorf("%s after %+v: got plan %q, want one that begins after the last item", name, after, got)
			}
		}
	}
}

var update = flag.Bool("update", false, "write the golden file")

// The golden file shows the statements with the columns inserted.
func TestStatements(t *testing.T) {
	t.Parallel()
	list := slices.Clone(statements)
	for _, sort := range []items.Sort{items.ByID, items.ByName, items.ByPrice, items.ByPriceDown, items.ByMenu} {
		text, _ := listStatement(items.Query{
			Sort: sort, Limit: 1, Category: "mains", Words: []string{"a", "b"}, After: &items.PageKey{ID: 1, Name: "a", Price: 1, Menu: 1},
		})
		list = append(list, text)
	}
	const golden = "testdata/statements.golden.sql"
	var got strings.Builder
	for _, text := range list {
		got.WriteString(strings.TrimSpace(text) + ";\n\n")
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got statements\n%s\nwant those of %s; after an intended change run the test with -update", got.String(), golden)
	}
}

package sqlite

import (
	"context"
	"path/filepath"
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
	if err := store.Import(ctx, items.Stamp{}, false, storetest.Many(1000)); err != nil {
		t.Fatal(err)
	}
	for name, query := range storetest.PageQueries() {
		for _, after := range []*items.PageKey{nil, {ID: 7, Name: "noodles", Price: 500}} {
			query.After = after
			statement, args := selectItems(query)
			var plan []string
			err := each(ctx, store.read, func(row scanner) error {
				var id, parent, unused int
				var step string
				err := row.Scan(&id, &parent, &unused, &step)
				plan = append(plan, step)
				return err
			}, `EXPLAIN QUERY PLAN `+statement, args...)
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

//go:build external

package postgres

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"menu-api/items"
	"menu-api/items/postgres/pgtest"
	"menu-api/items/storetest"
)

// Every page is read along an index, from where it begins: nothing is sorted, and nothing is skipped.
func TestPagesFollowAnIndex(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	store, err := Open(ctx, Options{URL: pgtest.NewDatabase(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	if err := store.Import(ctx, items.AuditInfo{}, false, storetest.Many(20_000)); err != nil {
		t.Fatal(err)
	}
	if _, err := store.pool.Exec(ctx, `ANALYZE items`); err != nil { // which the server does by itself, but not at once
		t.Fatal(err)
	}
	for name, query := range storetest.PageQueries() {
		for _, after := range []*items.PageKey{nil, {ID: 7, Name: "noodles", Price: 500, Menu: 7000}} {
			query.After = after
			statement, args := selectItems(query)
			plan, err := read(ctx, store, pgx.RowTo[string], `EXPLAIN `+statement, args)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(plan, "\n")
			// A category with many items may also be picked out on the way along the ids, or along the places in the menu, which
			// are in the same order here.
			mayFilter := query.Sort == items.ByID || query.Sort == items.ByMenu
			if !strings.Contains(got, "Index Scan using items_") || strings.Contains(got, "Sort") ||
				after != nil && !strings.Contains(got, "Index Cond:") || !mayFilter && strings.Contains(got, "Filter:") {
				t.Errorf("%s after %+v: got plan\n%s\nwant a scan of an index that begins after the last item", name, after, got)
			}
		}
	}
}

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

// A search looks up its words in the index, unless a walk along the order has filled the page.
func TestSearchPlans(t *testing.T) {
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
	WaitForIndex(t, store)
	for _, statistics := range []string{"without", "with"} {
		for name, query := range storetest.PageQueries() {
			query.Words = []string{"soup", "nowhere"}
			for _, after := range []*items.PageKey{nil, {ID: 7, Name: "noodles", Price: 500, Menu: 7000}} {
				query.After = after
				statement, args := store.searchStatement(query)
				plan, err := read(ctx, store, pgx.RowTo[string], `EXPLAIN `+statement, args)
				if err != nil {
					t.Fatal(err)
				}
				got := strings.Join(plan, "\n")
				if !strings.Contains(got, "Bitmap Index Scan on items_by_trigrams") || !strings.Contains(got, "One-Time Filter") {
					t.Errorf("%s after %+v, %s statistics: got plan\n%s\nwant the index of trigrams", name, after, statistics, got)
				}
			}
		}
		if _, err := store.pool.Exec(ctx, `ANALYZE items`); err != nil {
			t.Fatal(err)
		}
	}
}

// Listing the categories reads each category once, from an index.
func TestCategoriesPlan(t *testing.T) {
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
	if _, err := store.pool.Exec(ctx, `ANALYZE items`); err != nil {
		t.Fatal(err)
	}
	plan, err := read(ctx, store, pgx.RowTo[string], `EXPLAIN `+selectCategories, pgx.NamedArgs{"limit": 1000})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(plan, "\n")
	if strings.Contains(got, "Seq Scan on items") || !strings.Contains(got, "using items_by_category") {
		t.Errorf("got plan\n%s\nwant every step from an index", got)
	}
}

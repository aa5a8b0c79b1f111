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

// The plans of the statements that read a large menu. The tests share the menu, which takes long to fill.
func TestPlans(t *testing.T) {
	t.Parallel()
	store := mustFill(t)
	WaitForIndex(t, store)
	checkSearchPlans(t, store, "without statistics")
	// The server does this by itself, but not at once.
	if _, err := store.pool.Exec(context.Background(), `ANALYZE items`); err != nil {
		t.Fatal(err)
	}
	checkSearchPlans(t, store, "with statistics")

	// Every page is read along an index, from where it begins: nothing is sorted, and nothing is skipped.
	for name, query := range storetest.FirstAndLaterPages() {
		statement, args := store.listStatement(query)
		plan := planOf(t, store, statement, args)
		// A category with many items may also be picked out on the way along the ids, or along the places in the menu, which
		// are in the same order here.
		mayFilter := query.Sort == items.ByID || query.Sort == items.ByMenu
		if !strings.Contains(plan, "Index Scan using items_") || strings.Contains(plan, "Sort") ||
			query.After != nil && !strings.Contains(plan, "Index Cond:") || !mayFilter && strings.Contains(plan, "Filter:") {
			t.Errorf("%s: got plan\n%s\nwant a scan of an index that begins after the last item", name, plan)
		}
	}

	// Listing the categories reads each category once, from an index.
	plan := planOf(t, store, selectCategories, pgx.NamedArgs{"limit": 1000})
	if strings.Contains(plan, "Seq Scan on items") || !strings.Contains(plan, "using items_by_category") {
		t.Errorf("got plan\n%s\nwant every step from an index", plan)
	}
}

// A search looks up its words in the index, unless a walk along the order has filled the page.
func checkSearchPlans(t *testing.T, store *Store, when string) {
	t.Helper()
	for name, query := range storetest.FirstAndLaterPages() {
		query.Words = []string{"soup", "nowhere"}
		statement, args := store.listStatement(query)
		plan := planOf(t, store, statement, args)
		if !strings.Contains(plan, "Bitmap Index Scan on items_by_trigrams") || !strings.Contains(plan, "One-Time Filter") {
			t.Errorf("%s, %s: got plan\n%s\nwant the index of trigrams", name, when, plan)
		}
	}
}

// mustFill returns a store with a menu that is large enough for the planner to prefer an index.
func mustFill(tb testing.TB) *Store {
	tb.Helper()
	store := mustOpenInternal(tb, pgtest.NewDatabase(tb))
	if err := store.Import(context.Background(), items.AuditInfo{}, false, storetest.Many(20_000)); err != nil {
		tb.Fatal(err)
	}
	return store
}

func planOf(tb testing.TB, store *Store, statement string, args pgx.NamedArgs) string {
	tb.Helper()
	plan, err := read(context.Background(), store, pgx.RowTo[string], `EXPLAIN `+statement, args)
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Join(plan, "\n")
}

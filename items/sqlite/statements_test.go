package sqlite

import (
	"context"
	"database/sql"
	"flag"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"menu-api/items"
	"menu-api/items/storetest"
)

// The plans of the statements that read a large menu. The tests share the menu, which takes long to fill.
func TestPlans(t *testing.T) {
	t.Parallel()
	store := mustFill(t)
	for name, query := range storetest.FirstAndLaterPages() {
		// Every page is read along an index, from where it begins: nothing is sorted, and nothing is skipped.
		text, args := listStatement(query)
		plan := planOf(t, store, text, args)
		// SCAN is right where the page is the first of the whole menu, since the limit ends it.
		scan := query.Category == "" && query.After == nil
		if strings.Contains(plan, "\n") || strings.Contains(plan, "TEMP B-TREE") || !scan && !strings.HasPrefix(plan, "SEARCH items USING") {
			t.Errorf("%s: got plan %q, want one search in an index", name, plan)
		}
		if query.After != nil && !strings.Contains(plan, ">") {
			t.Errorf("%s: got plan %q, want one that begins after the last item", name, plan)
		}

		// A search reads its candidates by id, and walks along an index of the order.
		query.Words = []string{"soup", "onion"}
		for source, test := range map[string]struct{ want, not, end string }{
			fromCandidates: {"SEARCH items USING INTEGER PRIMARY KEY (rowid=?)", "items USING INDEX items_by", "SCAN page"},
			walkCandidates: {" items", "TEMP B-TREE", "SCAN (subquery"}, // it sorts the candidates that it finds
			walkItems:      {" items", "TEMP B-TREE", "SCAN page"},
			countWalked:    {" items", "TEMP B-TREE", "SCAN page"},
			fromScan:       {" items", "TEMP B-TREE", "SCAN page"},
		} {
			text, args := searchStatement(query, source)
			plan := planOf(t, store, text, args)
			scan, _, _ := strings.Cut(plan, test.end) // the page is sorted again, which may take a B-tree
			if !strings.Contains(scan, test.want) || strings.Contains(scan, test.not) {
				t.Errorf("%s, %s: got plan\n%s\nwant %q and not %q", name, source, plan, test.want, test.not)
			}
		}
	}
	countPlan := planOf(t, store, countCandidates, []any{arg("trigrams", `"sou"`), arg("enough", 10)})
	if !strings.Contains(countPlan, "items_not_indexed") {
		t.Errorf("got plan\n%s\nwant the items that are not indexed from their index", countPlan)
	}

	// Listing the categories reads each category once, from an index.
	plan := planOf(t, store, selectCategories, []any{arg("limit", 1000)})
	for step := range strings.SplitSeq(plan, "\n") {
		if strings.Contains(step, " items") && !strings.Contains(step, "items_by_category") && !strings.Contains(step, "items_in_category") {
			t.Errorf("got plan\n%s\nwant every step from an index of the categories", plan)
		}
	}
}

// mustFill returns a store with an imported menu: an import rebuilds the indexes.
func mustFill(tb testing.TB) *Store {
	tb.Helper()
	ctx := context.Background()
	store, err := Open(ctx, filepath.Join(tb.TempDir(), "menu.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	if err := store.Import(ctx, items.AuditInfo{}, false, storetest.Many(1000)); err != nil {
		tb.Fatal(err)
	}
	return store
}

func planOf(tb testing.TB, store *Store, text string, args []any) string {
	tb.Helper()
	plan, err := all(context.Background(), store.read, func(row *sql.Rows) (step string, err error) {
		var id, parent, unused int
		err = row.Scan(&id, &parent, &unused, &step)
		return step, err
	}, `EXPLAIN QUERY PLAN `+text, args...)
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Join(plan, "\n")
}

var update = flag.Bool("update", false, "write the golden file")

func TestStatements(t *testing.T) {
	t.Parallel()
	list := slices.Clone(statements)
	for _, sort := range []items.Sort{items.ByID, items.ByName, items.ByPrice, items.ByPriceDown, items.ByMenu} {
		query := items.Query{Sort: sort, Limit: 1, Category: "mains", After: &items.PageKey{ID: 1, Name: "a", Price: 1, Menu: 1}}
		text, _ := listStatement(query)
		list = append(list, text)
	}
	for _, source := range []string{fromCandidates, walkCandidates, walkItems, countWalked, fromScan} {
		text, _ := searchStatement(items.Query{
			Sort: items.ByName, Limit: 1, Category: "mains", After: &items.PageKey{ID: 1, Name: "a"}, Words: []string{"soup", "onion"},
		}, source)
		list = append(list, text)
	}
	storetest.CheckGolden(t, *update, "testdata/statements.golden.sql", list)
}

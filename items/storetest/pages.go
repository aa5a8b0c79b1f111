package storetest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"

	"menu-api/items"
)

func ids(menu []items.Item) []int64 {
	list := []int64{}
	for _, item := range menu {
		list = append(list, item.ID)
	}
	return list
}

func mustQuery(tb testing.TB, store items.Store, query items.Query) []items.Item {
	tb.Helper()
	menu, err := store.List(context.Background(), query)
	if err != nil {
		tb.Fatalf("List(%+v): %v", query, err)
	}
	return menu
}

func testPages(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	var menu []items.Item
	for i, name := range []string{"Zander", "apple", "Äpfel", "APPLE", "éclair", "Eclair", "Zander", "Ørret", "orange", "100 % juice"} {
		item := items.Item{Name: name, Price: items.Price(i % 3 * 100), Category: []string{"", "Café", "cafe"}[i%3]}
		if i%2 == 1 { // items 2 and 4 share a position, item 6 has that of item 1
			position := []int64{0, 7500, 0, 7500, 0, 1000, 0, 0, 0, 1_000_000_000_000}[i]
			item.Position = &position
		}
		menu = append(menu, mustCreate(t, store, item))
	}
	orders := map[items.Sort]func(a, b items.Item) int{
		items.ByID:        func(items.Item, items.Item) int { return 0 },
		items.ByName:      func(a, b items.Item) int { return cmp.Compare(items.Fold(a.Name), items.Fold(b.Name)) },
		items.ByPrice:     func(a, b items.Item) int { return cmp.Compare(a.Price, b.Price) },
		items.ByPriceDown: func(a, b items.Item) int { return cmp.Compare(b.Price, a.Price) },
		items.ByMenu:      func(a, b items.Item) int { return cmp.Compare(a.MenuKey(), b.MenuKey()) },
	}
	for sort, order := range orders {
		for _, category := range []string{"", "cafe"} {
			want := slices.DeleteFunc(slices.Clone(menu), func(i items.Item) bool { return category != "" && items.Fold(i.Category) != category })
			slices.SortStableFunc(want, order) // by id within
			for limit := 1; limit <= 4; limit++ {
				got := []items.Item{}
				query := items.Query{Sort: sort, Limit: limit, Category: category}
				for {
					page := mustQuery(t, store, query)
					got = append(got, page...)
					if len(page) < limit {
						break
					}
					query.After = items.PageKeyOf(page[limit-1])
				}
				if !slices.Equal(ids(got), ids(want)) {
					t.Errorf("sort %q, category %q, limit %d: got %v, want %v", sort, category, limit, ids(got), ids(want))
				}
			}
		}
	}
}

// The place in the menu follows the position when it is set, changed and unset, and does not overflow for a large id.
func testMenuOrder(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	for range 3 {
		mustCreate(t, store, items.Item{Name: "Soup"})
	}
	const large = 9_007_199_254_740_991
	if err := store.Import(context.Background(), info, false, from(itemRecords(items.Item{ID: large, Name: "Last"}))); err != nil {
		t.Fatal(err)
	}
	place := func(position int64) *int64 { return &position }
	for _, step := range []struct {
		id       int64
		position *int64
		want     []int64
	}{
		{3, place(0), []int64{3, 1, 2, large}},
		{1, place(2000), []int64{3, 1, 2, large}}, // equal places are ordered by id
		{1, place(2001), []int64{3, 2, 1, large}},
		{3, nil, []int64{2, 1, 3, large}},
	} {
		_, err := store.Update(context.Background(), info, step.id, func(item items.Item) (items.Item, error) {
			item.Position = step.position
			return item, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := ids(mustQuery(t, store, items.Query{Sort: items.ByMenu})); !slices.Equal(got, step.want) {
			t.Errorf("after the move of %d: got %v, want %v", step.id, got, step.want)
		}
	}
	if got := ids(mustQuery(t, store, items.Query{Sort: items.ByMenu, Words: []string{"soup"}})); !slices.Equal(got, []int64{2, 1, 3}) {
		t.Errorf("a search: got %v, want 2, 1, 3", got)
	}
}

func testSearch(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	for _, item := range []items.Item{
		{Name: "Crème Brûlée", Description: "burnt cream", Category: "Dessert"},
		{Name: "SMØRREBRØD", Description: "Bread with butter"},
		{Name: "Straßenkaffee", Tagline: "100% Arabica_Bean"},
		{Name: "Σίσυφος", Description: "a rolling dish"},
	} {
		mustCreate(t, store, item)
	}
	mustRename(t, store, 4, "ΣΊΣΥΦΟΣ")
	for typed, want := range map[string][]int64{
		"creme":            {1},
		"BRULEE":           {1},
		"brûlée":           {1}, // combining accents
		"cream dessert":    {1},
		"dessert bread":    {},
		"smorrebrod":       {2},
		"bread":            {2},
		"strassenkaffee":   {3},
		"0%":               {3},
		"%":                {3},
		"_":                {3},
		"Σίσυφος":          {4},
		"r":                {1, 2, 3, 4},
		"'; DROP TABLE --": {},
		"":                 {1, 2, 3, 4},
	} {
		got := ids(mustQuery(t, store, items.Query{Words: strings.Fields(items.Fold(typed))}))
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", typed, got, want)
		}
	}
	if got := mustQuery(t, store, items.Query{Words: []string{"r"}, Sort: items.ByName, Limit: 2}); !slices.Equal(ids(got), []int64{1, 2}) {
		t.Errorf("got %v, want the first two by name", ids(got))
	}
}

func testCategories(t *testing.T, engine Engine) {
	store, ctx := mustOpen(t, engine), context.Background()
	for _, category := range []string{"", "Pasta", "Éclairs", "PÂSTA", "drinks", "pasta", "Desserts", "Drinks"} {
		mustCreate(t, store, items.Item{Name: "Soup", Category: category})
	}
	for limit, want := range map[int][]string{1000: {"Desserts", "drinks", "Éclairs", "Pasta"}, 2: {"Desserts", "drinks"}} {
		got, err := store.Categories(ctx, limit)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("limit %d: got %q, %v, want %q", limit, got, err, want)
		}
	}
	empty, err := mustOpen(t, engine).Categories(ctx, 10)
	if err != nil || len(empty) != 0 {
		t.Errorf("got %q, %v for an empty menu, want none", empty, err)
	}
}

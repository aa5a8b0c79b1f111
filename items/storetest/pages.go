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
		menu = append(menu, mustCreate(t, store, items.Item{
			Name: name, Price: items.Price(i % 3 * 100), Category: []string{"", "Café", "cafe"}[i%3],
		}))
	}
	orders := map[items.Sort]func(a, b items.Item) int{
		items.ByID:        func(items.Item, items.Item) int { return 0 },
		items.ByName:      func(a, b items.Item) int { return cmp.Compare(items.Fold(a.Name), items.Fold(b.Name)) },
		items.ByPrice:     func(a, b items.Item) int { return cmp.Compare(a.Price, b.Price) },
		items.ByPriceDown: func(a, b items.Item) int { return cmp.Compare(b.Price, a.Price) },
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

package storetest

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"menu-api/items"
)

// Many returns n items one by one, the same in every run: with capitals and accents, in no order but that of their ids.
func Many(n int) func() (items.Record, error) {
	dishes := []string{"Crème Brûlée", "Onion Soup", "Smørrebrød", "Burger", "Éclair", "Noodles", "Tea", "Salade Niçoise"}
	kinds := []string{"Starters", "Mains", "Desserts", "Entrées"}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same in every run
	i := 0
	return func() (items.Record, error) {
		if i == n {
			return items.Record{}, io.EOF
		}
		i++
		calories := random.Int64N(2000)
		return items.Record{Item: &items.Item{
			Name:        fmt.Sprintf("%s No. %06d", dishes[random.IntN(len(dishes))], random.IntN(n)),
			Price:       items.Price(random.Int64N(10_000)),
			Description: "Made of what the market had this morning, with a little too much butter, and served warm.",
			Image:       fmt.Sprintf("https://cdn.example.com/menu/%d.png", i),
			Category:    kinds[random.IntN(len(kinds))],
			Calories:    &calories,
		}}, nil
	}
}

// BenchmarkImport measures what a row of a large import costs.
func BenchmarkImport(b *testing.B, engine Engine) {
	store := mustOpen(b, engine)
	b.ResetTimer()
	if err := store.Import(context.Background(), stamp, false, Many(b.N)); err != nil {
		b.Fatal(err)
	}
}

// PageQueries are a query for each order, of the whole menu and of a category.
func PageQueries() map[string]items.Query {
	queries := map[string]items.Query{}
	for _, sort := range []items.Sort{items.ByID, items.ByName, items.ByPrice, items.ByPriceDown} {
		queries["sort="+string(sort)] = items.Query{Sort: sort, Limit: 100}
		queries["sort="+string(sort)+"&category=mains"] = items.Query{Sort: sort, Limit: 100, Category: "mains"}
	}
	return queries
}

// BenchmarkPages measures the first page of a large menu and the thousandth, which costs the same in every order. A search
// has no index to use: what it costs grows with how much it has to look through.
func BenchmarkPages(b *testing.B, engine Engine) {
	const thousandth = 1000
	store := mustOpen(b, engine)
	if err := store.Import(context.Background(), stamp, false, Many(500_000)); err != nil {
		b.Fatal(err)
	}
	measure := func(name string, query items.Query, want int) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if got := mustQuery(b, store, query); len(got) != want {
					b.Fatalf("got %d items, want %d", len(got), want)
				}
			}
		})
	}
	for name, query := range PageQueries() {
		measure(name+"/page=1", query, query.Limit)
		before := query
		before.Limit *= thousandth - 1
		menu := mustQuery(b, store, before)
		query.After = items.PositionOf(menu[len(menu)-1])
		measure(name+"/page=1000", query, query.Limit)
	}
	for _, n := range []int{1_000, 10_000, 100_000} {
		few := mustOpen(b, engine)
		if err := few.Import(context.Background(), stamp, false, Many(n)); err != nil {
			b.Fatal(err)
		}
		store = few
		measure(fmt.Sprintf("search/items=%d", n), items.Query{Words: []string{"nowhere"}, Limit: 100}, 0)
	}
}

package storetest

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"menu-api/items"
)

// Many returns n items one by one, the same in every run, with capitals and accents. Only their ids are in order.
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

// BenchmarkImport measures the cost of a row in a large import.
func BenchmarkImport(b *testing.B, engine Engine) {
	store := mustOpen(b, engine)
	b.ResetTimer()
	if err := store.Import(context.Background(), info, false, Many(b.N)); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkCreate measures durable writes by one writer and by many, which share fsyncs.
func BenchmarkCreate(b *testing.B, engine Engine) {
	for _, writers := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			store := mustOpen(b, engine)
			b.ResetTimer()
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					for range (b.N + w) / writers {
						if _, err := store.Create(context.Background(), items.AuditInfo{By: "bench", At: time.Now()}, items.Item{Name: "Soup", Price: 450}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// BenchmarkSearchIndex measures what the search index adds to creating an item, as the ratio to a store without the index. The
// stores take turns, so that other load on the machine affects both.
func BenchmarkSearchIndex(b *testing.B, indexed, plain items.Store) {
	const inTurn = 200
	next := Many(1_000_000)
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			took := map[items.Store][]time.Duration{}
			for i := range 2 * b.N {
				store := []items.Store{indexed, plain}[i%2]
				menu := make([]items.Item, inTurn)
				for i := range menu {
					rec, err := next()
					if err != nil {
						b.Fatal(err)
					}
					menu[i] = *rec.Item
				}
				began := time.Now()
				var wg sync.WaitGroup
				for w := range writers {
					wg.Go(func() {
						for i := w; i < inTurn; i += writers {
							if _, err := store.Create(context.Background(), items.AuditInfo{By: "bench", At: time.Now()}, menu[i]); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				took[store] = append(took[store], time.Since(began)/inTurn)
			}
			with, without := median(took[indexed]), median(took[plain])
			b.ReportMetric(0, "ns/op") // leaves it out
			b.ReportMetric(float64(with.Microseconds()), "µs-with")
			b.ReportMetric(float64(without.Microseconds()), "µs-without")
			b.ReportMetric(float64(with)/float64(without), "ratio")
		})
	}
}

// PageQueries returns a query for each order, of the whole menu and of a category.
func PageQueries() map[string]items.Query {
	queries := map[string]items.Query{}
	for _, sort := range []items.Sort{items.ByID, items.ByName, items.ByPrice, items.ByPriceDown, items.ByMenu} {
		queries["sort="+string(sort)] = items.Query{Sort: sort, Limit: 100}
		queries["sort="+string(sort)+"&category=mains"] = items.Query{Sort: sort, Limit: 100, Category: "mains"}
	}
	return queries
}

// FirstAndLaterPages returns the queries of PageQueries, each for the first page and for one that begins after an item.
func FirstAndLaterPages() map[string]items.Query {
	queries := map[string]items.Query{}
	for name, query := range PageQueries() {
		queries[name] = query
		query.After = &items.PageKey{ID: 7, Name: "noodles", Price: 500, Menu: 7000}
		queries[name+"&after=7"] = query
	}
	return queries
}

// BenchmarkPages measures the first and the thousandth page of a large menu, which cost the same in every order. A search
// for a word of two letters uses no index, so its cost grows with the menu. The results are medians, because other load on the
// machine affects them least.
func BenchmarkPages(b *testing.B, engine Engine) {
	const thousandth = 1000
	store := mustOpen(b, engine)
	if err := store.Import(context.Background(), info, false, Many(450_000)); err != nil {
		b.Fatal(err)
	}
	for name, first := range PageQueries() {
		before, last := first, first
		before.Limit *= thousandth - 1
		menu := mustQuery(b, store, before)
		last.After = items.PageKeyOf(menu[len(menu)-1])
		b.Run(name, func(b *testing.B) {
			one := make([]time.Duration, b.N)
			other := make([]time.Duration, b.N)
			for i := range b.N {
				one[i], other[i] = timeQuery(b, store, first, first.Limit), timeQuery(b, store, last, last.Limit)
			}
			b.ReportMetric(0, "ns/op") // leaves it out
			b.ReportMetric(float64(median(one).Microseconds()), "µs-page-1")
			b.ReportMetric(float64(median(other).Microseconds()), "µs-page-1000")
		})
	}
	for _, n := range []int{1_000, 10_000, 100_000} {
		some := mustOpen(b, engine)
		if err := some.Import(context.Background(), info, false, Many(n)); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("search/items=%d", n), func(b *testing.B) {
			took := make([]time.Duration, b.N)
			for i := range b.N {
				took[i] = timeQuery(b, some, items.Query{Words: []string{"zx"}, Limit: 100}, 0)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(median(took).Microseconds()), "µs")
		})
	}
}

func timeQuery(b *testing.B, store items.Store, query items.Query, want int) time.Duration {
	b.Helper()
	began := time.Now()
	got := mustQuery(b, store, query)
	took := time.Since(began)
	if len(got) != want {
		b.Fatalf("%+v: got %d items, want %d", query, len(got), want)
	}
	return took
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

//go:build external

package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/postgres"
	"menu-api/items/postgres/pgtest"
	"menu-api/items/storetest"
)

func BenchmarkImport(b *testing.B) { storetest.BenchmarkImport(b, engine(true)) }

func BenchmarkPages(b *testing.B) { storetest.BenchmarkPages(b, engine(true)) }

func BenchmarkSearchIndex(b *testing.B) {
	server := pgtest.Start(b) // with default settings
	var stores [2]*postgres.Store
	var urls [2]string
	for i := range stores {
		urls[i] = server.NewDatabase(b)
		stores[i] = mustOpen(b, urls[i])
		postgres.WaitForIndex(b, stores[i])
	}
	mustExec(b, mustConnect(b, urls[1]), `DROP INDEX items_by_trigrams`)
	storetest.BenchmarkSearchIndex(b, stores[0], stores[1])
}

// BenchmarkWrites measures durable writes to a server with default settings. The updates go to a thousand items at random.
func BenchmarkWrites(b *testing.B) {
	server := pgtest.Start(b)
	ctx, info := context.Background(), items.AuditInfo{By: "bench", At: time.Now()}
	soup := items.Item{Name: "Soup", Price: 450, Description: "Made of what the market had this morning"}
	create := func(store items.Store) error {
		_, err := store.Create(ctx, info, soup)
		return err
	}
	update := func(store items.Store) error {
		_, err := store.Update(ctx, info, 1+rand.Int64N(1000), func(item items.Item) (items.Item, error) {
			item.Price = items.Price(rand.Int64N(1000))
			return item, nil
		})
		return err
	}
	for _, writers := range []int{1, 16, 32} {
		for name, write := range map[string]func(items.Store) error{"create": create, "update": update} {
			b.Run(fmt.Sprintf("%s/writers=%d", name, writers), func(b *testing.B) {
				store := mustOpen(b, server.NewDatabase(b))
				if err := store.Import(ctx, info, false, storetest.Many(1000)); err != nil {
					b.Fatal(err)
				}
				var left atomic.Int64
				left.Store(int64(b.N))
				var wg sync.WaitGroup
				b.ResetTimer()
				for range writers {
					wg.Go(func() {
						for left.Add(-1) >= 0 {
							if err := write(store); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(0, "ns/op") // leaves it out
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
			})
		}
	}
}

package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"menu-api/items"
)

// BenchmarkCreate measures durable writes by one writer and by many. What a write costs with many is to be compared with
// what it costs with one: the fsync is shared.
func BenchmarkCreate(b *testing.B, engine Engine) {
	for _, writers := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			store := mustOpen(b, engine)
			b.ResetTimer()
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					for range (b.N + w) / writers {
						if _, err := store.Create(context.Background(), items.Stamp{By: "bench", At: time.Now()}, items.Item{Name: "Soup", Price: 450}); err != nil {
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

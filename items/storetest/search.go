package storetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"menu-api/items"
)

// TestSearchEndsWithItsContext checks that the engine stops a search on a large menu when its context ends, and that searches
// delay no other call. It is not part of Run, because it needs a large menu.
func TestSearchEndsWithItsContext(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	if err := store.Import(context.Background(), info, false, Many(20_000)); err != nil {
		t.Fatal(err)
	}
	// Every item contains the common words, which make the search slow.
	const words = "what the market had this morning with a little too much butter and served warm"
	mustCreate(t, store, items.Item{Name: "Firstword", Description: words, Price: items.MaxPrice})
	for name, last := range map[string]string{"before the first row": "nowhere", "after the first row": "firstword"} {
		query := items.Query{Words: append(strings.Fields(words), last), Sort: items.ByPriceDown, Limit: 20}
		began := time.Now()
		mustQuery(t, store, query)
		whole := time.Since(began)
		// Searches that end one after the other must leave the store usable.
		for range 5 {
			ctx, cancel := context.WithTimeout(context.Background(), whole/8)
			began = time.Now()
			_, err := store.List(ctx, query)
			cancel()
			assertIs(t, err, context.DeadlineExceeded)
			if took := time.Since(began); took > whole/2+20*time.Millisecond {
				t.Errorf("%s: the search ended after %v, want the deadline of %v (without one it takes %v)", name, took, whole/8, whole)
			}
		}
	}

	ctx, cancel := context.WithCancel(context.Background())
	var searches sync.WaitGroup
	for i := range 2 {
		searches.Go(func() {
			for ctx.Err() == nil {
				_, _ = store.List(ctx, items.Query{Words: []string{fmt.Sprint("nowhere", i)}, Limit: 20})
			}
		})
	}
	for range 20 {
		began := time.Now()
		mustGet(t, store, 1)
		mustCreate(t, store, soup())
		assertIs(t, store.Ping(context.Background()), nil)
		if took := time.Since(began); took > time.Second {
			t.Errorf("a read, a write and a ping took %v during searches, want less than a second", took)
		}
	}
	cancel()
	searches.Wait()
}

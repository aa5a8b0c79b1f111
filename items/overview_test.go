package items_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"menu-api/items"
)

// slowCategories is a store of two items whose categories are what the test sends.
type slowCategories struct {
	items.Store
	categories chan []string
}

func (slowCategories) List(context.Context, items.Query) ([]items.Item, error) {
	return []items.Item{{ID: 1}, {ID: 2}}, nil
}

func (s slowCategories) Categories(context.Context, int) ([]string, error) {
	return <-s.categories, nil
}

// TestStaleCategories checks that readers do not wait for a refresh: until it ends, they get the previous categories.
func TestStaleCategories(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := slowCategories{categories: make(chan []string, 1)}
		menu := items.NewModule(store, items.NewResponseCache(), items.Access{})
		check := func(want string) {
			t.Helper()
			began := time.Now()
			overview, err := menu.Overview(t.Context(), 1)
			if err != nil || !slices.Equal(overview.Categories, []string{want}) {
				t.Errorf("got %v and error %v, want %s", overview.Categories, err, want)
			}
			if waited := time.Since(began); waited > 0 {
				t.Errorf("waited %v", waited)
			}
		}
		store.categories <- []string{"Soup"}
		check("Soup")
		time.Sleep(time.Minute)
		check("Soup") // and starts the refresh
		check("Soup")
		store.categories <- []string{"Salad"}
		synctest.Wait()
		check("Salad")
	})
}

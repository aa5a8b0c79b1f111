//go:build soak && external

package postgres_test

import (
	"testing"

	"menu-api/items"
	"menu-api/items/postgres"
	"menu-api/items/storetest"
)

// indexed is the engine with a complete search index.
func indexed(tb testing.TB) storetest.Engine {
	e := engine(true)
	open := e.Open
	e.Open = func(url string) (items.Store, error) {
		store, err := open(url)
		if err == nil {
			postgres.WaitForIndex(tb, store.(*postgres.Store))
		}
		return store, err
	}
	return e
}

func TestSearchAtScale(t *testing.T) { //nolint:paralleltest // it measures time
	storetest.TestSearchAtScale(t, indexed(t), func(items.Store) bool { return true })
}

func TestSearchLargeMenu(t *testing.T) {
	t.Parallel()
	storetest.TestSearchLargeMenu(t, indexed(t))
}

func TestSearchEndsWithItsContextBehindPgBouncer(t *testing.T) { //nolint:paralleltest // it measures time
	storetest.TestSearchEndsWithItsContext(t, pooled())
}

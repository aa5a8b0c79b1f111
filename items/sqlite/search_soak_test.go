//go:build soak

package sqlite_test

import (
	"testing"

	"menu-api/items"
	"menu-api/items/sqlite"
	"menu-api/items/storetest"
)

func TestSearchAtScale(t *testing.T) { //nolint:paralleltest // it measures time
	storetest.TestSearchAtScale(t, engine(), func(store items.Store) bool {
		return !sqlite.IsIndexing(store.(*sqlite.Store))
	})
}

func TestSearchLargeMenu(t *testing.T) {
	t.Parallel()
	storetest.TestSearchLargeMenu(t, engine())
}

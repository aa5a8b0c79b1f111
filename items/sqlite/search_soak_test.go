//go:build soak

package sqlite_test

import (
	"testing"

	"menu-api/items"
	"menu-api/items/sqlite"
	"menu-api/items/storetest"
)

func TestSearchAtScale(t *testing.T) {
	storetest.TestSearchAtScale(t, engine(), func(store items.Store) bool {
		return !sqlite.IsIndexing(store.(*sqlite.Store))
	})
}

// On PostgreSQL, make test runs this one too. Here it takes minutes with the race detector.
func TestSearchLargeMenu(t *testing.T) { storetest.TestSearchLargeMenu(t, engine()) }

//go:build soak && external

package postgres_test

import (
	"testing"

	"menu-api/items"
	"menu-api/items/storetest"
)

func TestSearchAtScale(t *testing.T) { //nolint:paralleltest // it measures time
	storetest.TestSearchAtScale(t, indexed(t), func(items.Store) bool { return true })
}

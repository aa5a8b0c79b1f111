//go:build external

package postgres_test

import (
	"testing"

	"menu-api/items/postgres/pgtest"
	"menu-api/items/storetest"
)

func TestSearchEndsWithItsContext(t *testing.T) {
	storetest.TestSearchEndsWithItsContext(t, engine(true))
}

func TestSearchEndsWithItsContextBehindPgBouncer(t *testing.T) {
	pooled := engine(true)
	pooled.NewPlace = pgtest.NewPooledDatabase
	storetest.TestSearchEndsWithItsContext(t, pooled)
}

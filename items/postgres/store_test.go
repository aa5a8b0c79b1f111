package postgres_test

import (
	"context"
	"testing"

	"menu-api/items"
	"menu-api/items/postgres"
	"menu-api/items/postgres/pgtest"
	"menu-api/items/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, notify := range map[string]bool{"with notifications": true, "polling": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, engine(notify))
		})
	}
}

func engine(notify bool) storetest.Engine {
	return storetest.Engine{
		NewPlace: pgtest.NewDatabase,
		Open: func(url string) (items.Store, error) {
			return postgres.Open(context.Background(), postgres.Options{URL: url, Notify: notify})
		},
	}
}

package sqlite_test

import (
	"testing"

	"menu-api/items/storetest"
)

func TestSearchEndsWithItsContext(t *testing.T) { storetest.TestSearchEndsWithItsContext(t, engine()) }

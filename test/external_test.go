//go:build external

package test

import "menu-api/items/postgres/pgtest"

func init() { engines["PostgreSQL"] = pgtest.NewDatabase }

//go:build external

package server_test

import "menu-api/items/postgres/pgtest"

func init() { connections["behind PgBouncer"] = pgtest.NewPooledDatabase }

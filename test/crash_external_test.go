//go:build external

package test

import (
	"testing"

	"menu-api/items/postgres/pgtest"
)

func TestCrashOnPostgreSQL(t *testing.T) {
	t.Parallel()
	crash(t, []crashKind{{program: true}, {server: true}, {program: true, server: true}}, pgtest.Start(t))
}

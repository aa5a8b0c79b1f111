package postgres

import (
	"regexp"
	"strings"
	"testing"
)

// Migrations run while the previous version serves, so none may lock a table for long: it creates an index CONCURRENTLY, outside a
// transaction, after it has dropped what an interrupted attempt left. Older migrations are exempt.
func TestMigrationsCreateIndexesConcurrently(t *testing.T) {
	t.Parallel()
	index := regexp.MustCompile(`(?i)\b(CREATE (?:UNIQUE )?INDEX|DROP INDEX|REINDEX)\b( CONCURRENTLY)?(?: IF (?:NOT )?EXISTS)?\s+(\w+)`)
	created := regexp.MustCompile(`(?i)\bCREATE TABLE (?:IF NOT EXISTS )?(\w+)`)
	const exempt = 5
	for _, m := range migrations {
		if m.Version <= exempt || created.MatchString(m.SQL) { // the index of a new table locks nothing that is in use
			continue
		}
		for _, found := range index.FindAllStringSubmatch(m.SQL, -1) {
			if found[2] == "" {
				t.Errorf("%s: %s locks the table; use CONCURRENTLY", m.Name, found[0])
			}
			if !strings.Contains(m.SQL, "-- +goose NO TRANSACTION") {
				t.Errorf("%s: %s needs the line -- +goose NO TRANSACTION", m.Name, found[0])
			}
			if drop := "DROP INDEX CONCURRENTLY IF EXISTS " + found[3] + ";"; !strings.Contains(m.SQL, drop) {
				t.Errorf("%s: begin with %s, because an interrupted attempt leaves an invalid index", m.Name, drop)
			}
		}
	}
}

package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"menu-api/items"
)

// minVersion is the oldest version of PostgreSQL that has what the schema needs (generated columns came with 12; the tests
// run with 13 or newer).
const minVersion = 13

// ourRelations are the tables and sequences that the service reads and writes.
const ourRelations = `'items', 'changes', 'idempotency_keys', 'seeded', 'feed', 'item_ids', 'change_numbers'`

// database describes the server, the database and the schema of a connection. Role, schema and owner are quoted where SQL needs
// it.
type database struct {
	version                          int // such as 170004
	encoding, name, role, schema     string
	isStandby, isReadOnly, mayCreate bool
	// isOurs is true if the schema has the tables of this program, and isTaken if it has any table with the name of one of them.
	isOurs, isTaken bool
	// ownsTables is true if the role may change the tables, and if there are no tables. owner is the role that owns them.
	ownsTables bool
	owner      string
}

// checkDatabase returns an error if the database does not suit the service. It creates nothing. If an administrator can change
// that, the error ends with the statement to run.
func checkDatabase(ctx context.Context, pool *sql.DB) (db database, err error) {
	err = pool.QueryRowContext(ctx, `
		WITH relations AS (
			SELECT c.oid, c.relname, c.relowner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = current_schema()
		)
		SELECT current_setting('server_version_num')::int, pg_encoding_to_char(encoding), datname, quote_ident(current_user),
			coalesce(quote_ident(current_schema()), ''), pg_is_in_recovery(), current_setting('transaction_read_only')::bool,
			coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
			(SELECT count(*) FROM relations JOIN pg_attribute ON attrelid = oid
				WHERE (relname, attname) IN (('items', 'name_key'), ('changes', 'after_json'), ('goose_db_version', 'version_id'))) = 3,
			EXISTS (SELECT FROM relations WHERE relname IN (`+ourRelations+`)),
			coalesce((SELECT pg_has_role(relowner, 'USAGE') FROM relations WHERE relname = 'items'), true),
			coalesce((SELECT quote_ident(pg_get_userbyid(relowner)) FROM relations WHERE relname = 'items'), '')
		FROM pg_database WHERE datname = current_database()`).
		Scan(&db.version, &db.encoding, &db.name, &db.role, &db.schema, &db.isStandby, &db.isReadOnly, &db.mayCreate,
			&db.isOurs, &db.isTaken, &db.ownsTables, &db.owner)
	switch {
	case err != nil:
		err = explain(err)
	case db.version < minVersion*10_000:
		err = fmt.Errorf("it is PostgreSQL %d; upgrade the server to PostgreSQL %d or newer", db.version/10_000, minVersion)
	case db.encoding != "UTF8":
		err = fmt.Errorf("its encoding is %s, which does not have every character; create a database in UTF8 and name it in DATABASE_URL: "+
			"CREATE DATABASE %s OWNER %s ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
			db.encoding, pgx.Identifier{db.name + "_utf8"}.Sanitize(), db.role)
	case db.isStandby:
		err = errors.New("it is a standby, which cannot be written; name the primary server in DATABASE_URL")
	case db.isReadOnly:
		err = fmt.Errorf("its transactions are read-only; allow writes: ALTER ROLE %s SET default_transaction_read_only = off", db.role)
	case db.schema == "":
		err = fmt.Errorf("it has no schema that the role may use; allow it: GRANT USAGE, CREATE ON SCHEMA public TO %s", db.role)
	case db.isTaken && !db.isOurs:
		err = db.foreign()
	}
	return db, err
}

// foreign is the error for a database in which another program has tables.
func (db database) foreign() error {
	return fmt.Errorf("schema %s belongs to another program; name another database in DATABASE_URL, or add ?search_path=menu to it and "+
		"create that schema: CREATE SCHEMA menu AUTHORIZATION %s", db.schema, db.role)
}

// checkCreate returns an error if the role may not change the schema.
func (db database) checkCreate() error {
	switch {
	case !db.mayCreate:
		return fmt.Errorf("the role may not create tables; allow it: GRANT USAGE, CREATE ON SCHEMA %s TO %s", db.schema, db.role)
	case !db.ownsTables:
		return fmt.Errorf("the tables need a migration, and only their owner may change them; start once as the owner, or run: GRANT %s TO %s",
			db.owner, db.role)
	}
	return nil
}

// missingPrivileges returns the statements that grant what the role lacks: one for tables, and one for sequences. It works
// even if the role has no privileges.
const missingPrivileges = `
SELECT CASE relkind WHEN 'S' THEN 'GRANT USAGE, UPDATE ON SEQUENCE ' ELSE 'GRANT SELECT, INSERT, UPDATE, DELETE ON ' END
	|| string_agg(format('%I.%I', nspname, relname), ', ' ORDER BY relname) || ' TO ' || quote_ident(current_user)
FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname = current_schema()
	AND relname IN (` + ourRelations + `)
	AND NOT CASE relkind
		WHEN 'S' THEN has_sequence_privilege(pg_class.oid, 'USAGE')
		ELSE has_table_privilege(pg_class.oid, 'SELECT') AND has_table_privilege(pg_class.oid, 'INSERT')
			AND has_table_privilege(pg_class.oid, 'UPDATE') AND has_table_privilege(pg_class.oid, 'DELETE')
	END
GROUP BY relkind`

// checkPrivileges returns an error if the role lacks a privilege on the tables. It ends with the statements that grant it.
func (s *Store) checkPrivileges(ctx context.Context) error {
	missing, err := read(ctx, s, pgx.RowTo[string], missingPrivileges, nil)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("the role may not write to all tables; an administrator has to run: %s", strings.Join(missing, "; "))
	}
	return err
}

// privilegePause is the time between two checks of the privileges.
const privilegePause = 10 * time.Second

// watchPrivileges logs which privileges were lost. Writes fail with ErrUnavailable until they are back.
func (s *Store) watchPrivileges(ctx context.Context) {
	for isLost := false; ctx.Err() == nil; items.Sleep(ctx, privilegePause) {
		err := s.checkPrivileges(ctx)
		switch {
		case ctx.Err() != nil || errors.Is(err, items.ErrUnavailable):
		case err != nil && !isLost:
			s.log.Error("privileges were lost", "error", err)
			isLost = true
		case err == nil && isLost:
			s.log.Info("privileges were restored")
			isLost = false
		}
	}
}

// warnOfLoss logs a warning if the server confirms writes that a crash can lose.
func (s *Store) warnOfLoss(ctx context.Context) error {
	settings, err := read(ctx, s, pgx.RowTo[string],
		`SELECT name FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit') AND setting = 'off' ORDER BY name`, nil)
	for _, setting := range settings {
		s.log.Warn(setting + " is off: PostgreSQL may lose confirmed writes when it crashes") //nolint:sloglint // one of two texts
	}
	return err
}

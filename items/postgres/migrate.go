package postgres

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"menu-api/items"
	"menu-api/items/schema"
)

//go:embed migrations/*.sql
var files embed.FS

var migrations = schema.MustRead(files)

// openSchema returns a pool for work on the schema. Its connections run files of several statements.
func openSchema(config *pgx.ConnConfig) *sql.DB {
	config = config.Copy()
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	return stdlib.OpenDB(*config)
}

// Schema returns the state of the schema in the database that the URL names. It changes nothing.
func Schema(ctx context.Context, url string) (schema.State, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return schema.State{}, err // its text has no password
	}
	db := openSchema(config)
	defer func() { _ = db.Close() }()
	state, err := readState(ctx, db)
	if err != nil {
		err = fmt.Errorf("database %s/%s: %w", config.Host, config.Database, err)
	}
	return state, err
}

// readState reads the version of the schema. It works for a database that the program has never opened.
func readState(ctx context.Context, db *sql.DB) (schema.State, error) {
	state := schema.State{Migrations: migrations}
	var hasVersion, hasOldest bool
	err := db.QueryRowContext(ctx, `
		SELECT coalesce(bool_or(table_name = 'goose_db_version'), false), coalesce(bool_or(table_name = 'compatibility'), false)
		FROM information_schema.tables WHERE table_schema = current_schema()`).Scan(&hasVersion, &hasOldest)
	if err == nil && hasVersion {
		err = db.QueryRowContext(ctx, schema.SelectVersion).Scan(&state.Version)
	}
	if err == nil && hasOldest {
		err = db.QueryRowContext(ctx, schema.SelectOldest).Scan(&state.Oldest)
	}
	return state, explain(err)
}

// prepare checks the database, and brings its schema up to date if the options say so. Replicas that start together wait for
// each other.
func prepare(ctx context.Context, config *pgx.ConnConfig, o Options) error {
	db := openSchema(config)
	defer func() { _ = db.Close() }()
	var suitable database
	if o.Use != schema.Read {
		var err error
		if suitable, err = checkDatabase(ctx, db); err != nil {
			return err
		}
	}
	state, err := readState(ctx, db)
	if err != nil {
		return err
	}
	if state.Version > 0 && o.Use != schema.Read && !suitable.isOurs {
		return suitable.foreign()
	}
	if err := state.Check(o.Use); err != nil || len(state.Pending()) == 0 || o.Use != schema.Migrate {
		return err
	}
	if err := suitable.checkCreate(); err != nil {
		return err
	}
	held, err := lock(ctx, db)
	if err != nil {
		return explain(err)
	}
	defer func() { _ = held.Rollback() }()
	folder, err := fs.Sub(files, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, folder)
	if err != nil {
		return err
	}
	return schema.Up(ctx, provider, o.Migrated)
}

// lockMigrations makes migrations run one after the other, and not during an import or the creation of the search index,
// whose locks on the tables would make a migration wait, and every request behind it. 0x6d656e75 is arbitrary; for the other
// number, see lockImports. The session is idle during the migrations.
const lockMigrations = `
SELECT pg_try_advisory_xact_lock(1835363957) AND pg_try_advisory_xact_lock(1835363959),
	set_config('idle_in_transaction_session_timeout', '0', true)`

// lockPause is the time before a replica tries to take the lock again.
const lockPause = 50 * time.Millisecond

// lock returns a transaction that holds the migration lock. The lock ends with the transaction, so it works behind a
// pooler. A replica that has to wait holds no connection: a pooler may have fewer connections than replicas that start, and
// the holder of the lock needs a second one. It also holds no snapshot, for which CREATE INDEX CONCURRENTLY would wait.
func lock(ctx context.Context, db *sql.DB) (*sql.Tx, error) {
	for {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return nil, err
		}
		var held bool
		var timeout string
		err = tx.QueryRowContext(ctx, lockMigrations).Scan(&held, &timeout)
		if held {
			return tx, nil
		}
		_ = tx.Rollback()
		if err != nil {
			return nil, err
		}
		items.Sleep(ctx, lockPause)
	}
}

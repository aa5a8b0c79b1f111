package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"menu-api/items"
)

//go:embed migrations/*.sql
var files embed.FS

// Options are the settings of a Store.
type Options struct {
	// URL names the database, as libpq and pgxpool have it: several hosts, pool_max_conns and the like included.
	URL string
	// Notify sends and receives notifications of changes, so that other replicas see them at once. Without it they see
	// them at their next poll.
	Notify bool
	// Logger gets what goes wrong in the background. Nil logs nothing.
	Logger *slog.Logger
}

const (
	connectTimeout = 5 * time.Second
	// defaultPool is how many connections a replica has when the URL does not say. A connection that waits for the disk
	// costs the server little, and PostgreSQL writes the commits that wait at the same time with one fsync.
	defaultPool = 16
)

// Open connects to the database and brings its schema up to date.
//
// It returns an error that says what to do if the database cannot be reached, is of another program, or was written by a
// newer version of this one.
func Open(ctx context.Context, o Options) (*Store, error) {
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, err // its text has no password
	}
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	adjust(config, o.URL)
	if err := migrate(ctx, config.ConnConfig); err != nil {
		return nil, fmt.Errorf("database %s/%s: %w", config.ConnConfig.Host, config.ConnConfig.Database, err)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	s := &Store{pool: pool, log: log, announce: make(chan struct{}, 1)}
	s.creations = items.NewGroup(maxGroup, s.createAll)
	s.unnamed.Store(hasParameter(o.URL, "default_query_exec_mode"))
	s.startBackground(config.ConnConfig, o.Notify) //nolint:contextcheck // it lives until Close
	return s, nil
}

// adjust fills in what the URL leaves open.
func adjust(config *pgxpool.Config, url string) {
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if !hasParameter(url, "pool_max_conns") {
		config.MaxConns = defaultPool
	}
	// A pooler such as PgBouncer hands each transaction to any connection. So nothing may stay behind on one: no setting, and,
	// apart from those of Store.each, no prepared statement.
	if !hasParameter(url, "default_query_exec_mode") {
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
}

// migrationLock is the number of the advisory lock under which the schema is changed. It is arbitrary.
const migrationLock = 0x6d656e75 // "menu"

// lockPause is how long a replica waits before it asks for the lock again.
const lockPause = 50 * time.Millisecond

// lock returns a transaction that holds the migration lock: it is released with the connection, and works behind a pooler.
// While another has it, this one waits without a connection. A pooler may have fewer than there are replicas that start,
// and the one that holds the lock needs a second.
func lock(ctx context.Context, db *sql.DB) (*sql.Tx, error) {
	for {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return nil, err
		}
		var held bool
		err = tx.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock($1)`, migrationLock).Scan(&held)
		if held {
			return tx, nil
		}
		_ = tx.Rollback()
		if err != nil {
			return nil, err
		}
		sleep(ctx, lockPause)
	}
}

// migrate brings the schema up to date. Replicas that start together wait for each other.
func migrate(ctx context.Context, config *pgx.ConnConfig) error {
	config = config.Copy()
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // which runs a file of several statements
	db := stdlib.OpenDB(*config)
	defer func() { _ = db.Close() }()
	held, err := lock(ctx, db)
	if err != nil {
		return explain(err)
	}
	defer func() { _ = held.Rollback() }()
	var ours, foreign bool
	err = held.QueryRowContext(ctx, `
		SELECT coalesce(bool_or(table_name = 'goose_db_version'), false), coalesce(bool_or(table_name IN ('items', 'changes')), false)
		FROM information_schema.tables WHERE table_schema = current_schema()`).Scan(&ours, &foreign)
	if err != nil {
		return explain(err)
	}
	if foreign && !ours {
		return errors.New("it belongs to another program; name another database, or another schema, in DATABASE_URL")
	}
	folder, err := fs.Sub(files, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, folder)
	if err != nil {
		return err
	}
	version, err := provider.GetDBVersion(ctx)
	if err != nil {
		return explain(err)
	}
	sources := provider.ListSources()
	if newest := sources[len(sources)-1].Version; version > newest {
		return fmt.Errorf("it has schema version %d, this program knows up to %d: run the newer menu-api that wrote it", version, newest)
	}
	_, err = provider.Up(ctx)
	return err
}

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
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"menu-api/items"
	"menu-api/items/schema"
)

//go:embed migrations/*.sql
var files embed.FS

// Options are the settings of a Store.
type Options struct {
	// URL names the database, in the syntax of libpq and pgxpool: several hosts, pool_max_conns and so on.
	URL string
	// Notify sends and receives notifications of changes, so that other replicas see them at once. Without it they see
	// them at their next poll.
	Notify bool
	// Logger logs problems in the background. Nil logs nothing.
	Logger *slog.Logger
	// Use says what the database is needed for. A store that only reads does nothing in the background.
	Use schema.Use
	// Migrated is called after each migration. It may be nil.
	Migrated func(version int64, took time.Duration)
}

const (
	connectTimeout = 5 * time.Second
	// defaultPool is the number of connections of a replica if the URL does not set it.
	defaultPool = 16
)

// Open connects to the database and brings its schema up to date.
//
// If the database cannot be reached, belongs to another program, or was written by a newer version of this one, Open
// returns an error that says how to fix it.
func Open(ctx context.Context, o Options) (*Store, error) {
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, err // its text has no password
	}
	s := &Store{log: o.Logger, announce: make(chan struct{}, 1)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if !hasParameter(o.URL, "pool_max_conns") {
		config.MaxConns = defaultPool
	}
	config.ConnConfig.RuntimeParams["client_encoding"] = "UTF8" // a role or a database can have another default
	config.MaxConns = max(3, config.MaxConns)                   // items.Service runs two searches at the same time
	s.config = config.ConnConfig.Copy()
	if !hasParameter(o.URL, "default_query_exec_mode") {
		s.config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	config.BeforeConnect = func(_ context.Context, conn *pgx.ConnConfig) error {
		if s.unnamed.Load() {
			conn.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		}
		return nil
	}
	if err := prepare(ctx, config.ConnConfig, o); err != nil {
		return nil, fmt.Errorf("database %s/%s: %w", config.ConnConfig.Host, config.ConnConfig.Database, err)
	}
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	if o.Use == schema.Read {
		s.stopBackground = func() {}
		return s, nil
	}
	if err := errors.Join(s.checkPrivileges(ctx), s.warnOfLoss(ctx)); err != nil {
		s.pool.Close()
		return nil, fmt.Errorf("database %s/%s: %w", config.ConnConfig.Host, config.ConnConfig.Database, explain(err))
	}
	s.writes = items.NewBatcher(maxBatch, s.commit)
	s.startBackground(o.Notify) //nolint:contextcheck // it lives until Close
	return s, nil
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

// querier is a pool of connections, or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func readState(ctx context.Context, db querier) (schema.State, error) {
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

// connect opens a connection outside the pool, for a longer transaction or for notifications. It prepares no statements by
// name: a transaction cannot be retried as in use.
func (s *Store) connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.ConnectConfig(ctx, s.config.Copy())
}

// use calls run with a connection of the pool. sent is false if nothing was sent on it.
//
// Statements are prepared by name, because PostgreSQL takes longer to plan a write than to execute it. Behind a pooler, a
// connection may not know the name, or know it already. PostgreSQL reports either before it changes anything. From then
// on, new connections prepare no statements by name, and run is called again with one of them.
//
// After a migration elsewhere, a plan can be stale. PostgreSQL reports that too before it changes anything, and new connections
// make new plans.
func (s *Store) use(ctx context.Context, run func(context.Context, *pgx.Conn) error) (sent bool, err error) {
	for retried := false; ; {
		sent, err = s.useOnce(ctx, run)
		switch code := codeOf(err); {
		case code == codeUnknownStatement, code == codeKnownStatement:
			if !s.unnamed.Swap(true) {
				s.log.Info("the database is behind a pooler: statements are not prepared", "cause", err)
			}
		case code == codeStalePlan && !retried:
			retried = true // the code also has other causes
		default:
			return sent, err
		}
		s.pool.Reset()
	}
}

func (s *Store) useOnce(ctx context.Context, run func(context.Context, *pgx.Conn) error) (sent bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	conn, err := s.acquire(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Release()
	// The context of run keeps the deadline but does not end when a client disconnects: pgx would close the connection, and
	// clients could make the pool open new ones all day.
	detached := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		detached, cancel = context.WithDeadline(detached, deadline)
		defer cancel()
	}
	err = run(detached, conn.Conn())
	if err != nil && (conn.Conn().IsClosed() || codeOf(err) == codeReadOnly) {
		s.pool.Reset() // the server stopped or became a standby, so the other connections are useless too
	}
	return err == nil || !pgconn.SafeToRetry(err), err
}

// acquire returns a connection. If the server has too many connections, or is starting, it retries for a moment.
func (s *Store) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	const limit, pause = 2 * time.Second, 50 * time.Millisecond
	for start := time.Now(); ; items.Sleep(ctx, pause) {
		conn, err := s.pool.Acquire(ctx)
		code := codeOf(err)
		if err == nil || (code != codeTooManyConnections && code != codeCannotConnectNow) || time.Since(start) > limit {
			return conn, err
		}
	}
}

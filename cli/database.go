package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"time"

	"github.com/spf13/cobra"

	"menu-api/config"
	"menu-api/items"
	"menu-api/items/postgres"
	"menu-api/items/schema"
	"menu-api/items/sqlite"
	"menu-api/server"
	"menu-api/server/telemetry"
)

// database is a store of either engine.
type database interface {
	items.Store
	LastBackup(ctx context.Context) (time.Time, error)
	RecordBackup(ctx context.Context, at time.Time) error
}

// withStore calls do with the database that the settings name, and closes it afterwards. To read, the database must exist: with
// a typing error in the settings, the result would be an empty backup.
func withStore(c *cobra.Command, cfg config.Config, use schema.Use, do func(database) error) (err error) {
	if use == schema.Read {
		if err := mustExist(cfg); err != nil {
			return err
		}
	}
	store, err := openStore(c.Context(), cfg, use, quietLogger(cfg, c.ErrOrStderr()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return do(store)
}

// openStore opens the database with the engine that its URL names.
func openStore(ctx context.Context, cfg config.Config, use schema.Use, log *slog.Logger) (database, error) {
	if file, ok := cfg.Database.SQLiteFile(); ok {
		return sqlite.OpenWith(ctx, file, sqlite.Options{Use: use})
	}
	return postgres.Open(ctx, postgres.Options{URL: string(cfg.Database), Notify: cfg.DatabaseNotify, Logger: log, Use: use})
}

// toWrite is the use of a database by a command that writes to it.
func toWrite(cfg config.Config) schema.Use {
	if cfg.MigrateOnStart {
		return schema.Migrate
	}
	return schema.Current
}

// openMenu opens the database, instruments it, and adds the default menu to a new one if SEED_MENU is true. watch returns an
// error as soon as an SQLite file must not be used any more, and nil when its context ends.
func openMenu(
	ctx context.Context, cfg config.Config, cache *items.ResponseCache, metrics *telemetry.Metrics, tracing *telemetry.Tracing, log *slog.Logger,
) (store items.Store, watch func(context.Context) error, err error) {
	watch = func(context.Context) error { return nil }
	observe := server.ObserveStore(metrics, tracing)
	var opened database
	if file, ok := cfg.Database.SQLiteFile(); ok {
		local, err := sqlite.OpenWith(ctx, file, sqlite.Options{Use: toWrite(cfg), Watched: true, Logger: log})
		if err != nil {
			return nil, nil, err
		}
		metrics.WatchFiles(file, file+"-wal") // a WAL that only grows is the first sign of a reader that does not end
		opened = local
		observe, watch = watchFile(file, local, observe)
	} else if opened, err = openStore(ctx, cfg, toWrite(cfg), log); err != nil {
		return nil, nil, err
	}
	if remote, ok := opened.(*postgres.Store); ok {
		watchPostgres(metrics, remote) //nolint:contextcheck // a scrape has no context
	}
	metrics.GaugeFunc("store_last_backup_timestamp_seconds", "When menu-api backup last succeeded, in seconds since 1970. 0 without a backup.", func() float64 { //nolint:contextcheck // a scrape has no context
		ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
		defer cancel()
		at, err := opened.LastBackup(ctx)
		if err != nil {
			return math.NaN()
		}
		return float64(at.Unix())
	})
	store = items.Instrument(opened, cache, observe)
	// Seed is called in any case: it marks the database as old, so that a later start with SEED_MENU=true leaves it as it is.
	var menu []items.Item
	if cfg.SeedMenu {
		menu = items.DefaultMenu()
	}
	if err := store.Seed(ctx, systemAuditInfo(), menu); err != nil {
		_ = store.Close()
		return nil, nil, fmt.Errorf("database %s: add the default menu: %w", cfg.Database, err)
	}
	return store, watch, nil
}

// watchFile returns an observer that also sees whether an operation finds the file damaged or replaced, and a function that
// returns such an error, or one that the store finds in the background.
func watchFile(file string, store *sqlite.Store, observe items.Observer) (items.Observer, func(context.Context) error) {
	found := make(chan error, 1)
	report := func(err error) {
		for _, reason := range []error{sqlite.ErrDamaged, sqlite.ErrReplaced} {
			if !errors.Is(err, reason) {
				continue
			}
			select {
			case found <- fmt.Errorf("database %s: %w", file, reason):
			default: // one is enough
			}
		}
	}
	observer := func(ctx context.Context, operation string) (context.Context, func(error)) {
		ctx, end := observe(ctx, operation)
		return ctx, func(err error) { end(err); report(err) }
	}
	return observer, func(ctx context.Context) error {
		go func() { report(store.Watch(ctx)) }()
		select {
		case err := <-found:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// systemAuditInfo is the audit info of what the program itself writes.
func systemAuditInfo() items.AuditInfo { return items.AuditInfo{By: "menu-api", At: time.Now()} }

// quietLogger writes to standard error, because an export may use standard output, and only what a command does not report
// itself.
func quietLogger(cfg config.Config, stderr io.Writer) *slog.Logger {
	cfg.LogLevel = max(cfg.LogLevel, slog.LevelWarn)
	return telemetry.NewLogger(stderr, cfg.LogFormat, cfg.LogLevel)
}

// mustExist returns an error if the database is an SQLite file that does not exist.
func mustExist(cfg config.Config) error {
	if file, ok := cfg.Database.SQLiteFile(); ok {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("database %s: %w; check DATABASE_URL and the working folder", file, cause(err))
		}
	}
	return nil
}

// scrapeTimeout bounds a question to the database for a metric.
const scrapeTimeout = 2 * time.Second

// watchPostgres adds metrics of a PostgreSQL database and of the pool of connections to it.
func watchPostgres(metrics *telemetry.Metrics, store *postgres.Store) {
	metrics.GaugeFunc("store_oldest_snapshot_age_seconds", "PostgreSQL: age of the oldest open transaction, every 20 s. Includes other roles if this one is in pg_read_all_stats.", store.OldestSnapshot)
	metrics.StoreSize("database", func() (int64, error) {
		ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
		defer cancel()
		return store.Size(ctx)
	})
	metrics.GaugeFunc("store_pool_connections_max", "PostgreSQL: the limit of the connection pool.", func() float64 { return float64(store.Stat().MaxConns()) })
	metrics.GaugeFunc("store_pool_connections_in_use", "PostgreSQL: connections in use.", func() float64 { return float64(store.Stat().AcquiredConns()) })
	metrics.GaugeFunc("store_pool_connections_idle", "PostgreSQL: connections that are idle.", func() float64 { return float64(store.Stat().IdleConns()) })
	metrics.CounterFunc("store_pool_acquires_total", "PostgreSQL: connections requested from the pool.", func() float64 { return float64(store.Stat().AcquireCount()) })
	metrics.CounterFunc("store_pool_waits_total", "PostgreSQL: requests for a connection when none was idle.", func() float64 { return float64(store.Stat().EmptyAcquireCount()) })
	metrics.CounterFunc("store_pool_wait_seconds_total", "PostgreSQL: total time that requests waited for a connection.", func() float64 { return store.Stat().EmptyAcquireWaitTime().Seconds() })
}

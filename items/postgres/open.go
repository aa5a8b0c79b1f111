package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"menu-api/items"
	"menu-api/items/schema"
)

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

// hasParameter reports whether a connection URL sets the parameter.
func hasParameter(connection, name string) bool {
	_, query, _ := strings.Cut(connection, "?")
	values, err := url.ParseQuery(query)
	return err == nil && values.Has(name)
}

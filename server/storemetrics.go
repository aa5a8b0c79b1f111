package server

import (
	"context"
	"errors"
	"math"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"menu-api/items"
)

// WatchFiles adds the sizes of an SQLite database and of its write-ahead log. A file that is not there has no size: it is
// made when it is needed.
func (m *Metrics) WatchFiles(database, wal string) {
	for name, file := range map[string]string{"database": database, "wal": wal} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "store_file_size_bytes",
			Help:        "Size of the SQLite database and of its write-ahead log.",
			ConstLabels: prometheus.Labels{"file": name},
		}, func() float64 {
			info, err := os.Stat(file)
			switch {
			case errors.Is(err, os.ErrNotExist):
				return 0
			case err != nil:
				return math.NaN()
			}
			return float64(info.Size())
		}))
	}
}

// WatchPool adds the state of a pool of connections to PostgreSQL.
func (m *Metrics) WatchPool(stat func() *pgxpool.Stat) {
	m.GaugeFunc("store_pool_connections_max", "Connections that the pool may have.",
		func() float64 { return float64(stat().MaxConns()) })
	m.GaugeFunc("store_pool_connections_in_use", "Connections of the pool that are in use.",
		func() float64 { return float64(stat().AcquiredConns()) })
	m.GaugeFunc("store_pool_connections_idle", "Connections of the pool that are not in use.",
		func() float64 { return float64(stat().IdleConns()) })
	m.counterFunc("store_pool_acquires_total", "Connections that were asked for.",
		func() float64 { return float64(stat().AcquireCount()) })
	m.counterFunc("store_pool_waits_total", "Connections that had to be waited for, since none was idle.",
		func() float64 { return float64(stat().EmptyAcquireCount()) })
	m.counterFunc("store_pool_wait_seconds_total", "How long connections were waited for, in sum.",
		func() float64 { return stat().EmptyAcquireWaitTime().Seconds() })
}

// Store returns the store with the time that each operation takes measured. It goes directly around the engine, so that
// what is answered from memory does not count. Await is left out, since waiting is what it is for. With tracing, which
// may be nil, the operations of a request are spans of its trace.
func (m *Metrics) Store(engine items.Store, tracing *Tracing) items.Store {
	return measuredStore{engine, m, tracing}
}

type measuredStore struct {
	items.Store
	metrics *Metrics
	tracing *Tracing
}

// measured runs an operation of the store.
func measured[T any](ctx context.Context, s measuredStore, operation string, run func(context.Context) (T, error)) (T, error) {
	start := time.Now()
	ctx, end := s.tracing.operation(ctx, operation)
	result, err := run(ctx)
	outcome := storeOutcome(err)
	end(outcome)
	s.metrics.store.WithLabelValues(operation, outcome).Observe(time.Since(start).Seconds())
	return result, err
}

const (
	outcomeOK      = "ok"
	outcomeRefused = "refused" // the store answered, but with a no
)

// storeOutcome is a value of the label outcome.
func storeOutcome(err error) string {
	switch {
	case err == nil:
		return outcomeOK
	case errors.Is(err, items.ErrUncertain):
		return "uncertain"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, items.ErrUnavailable):
		return "unavailable"
	case isRefusal(err):
		return outcomeRefused
	}
	return "failed"
}

// isRefusal reports whether the store answered, but with a no.
func isRefusal(err error) bool {
	for _, refusal := range []error{
		items.ErrNotFound, items.ErrConflict, items.ErrNotDeleted, items.ErrKeyReused, items.ErrExists, items.ErrBadHistory,
	} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

func (s measuredStore) List(ctx context.Context, query items.Query) ([]items.Item, error) {
	return measured(ctx, s, "list", func(ctx context.Context) ([]items.Item, error) { return s.Store.List(ctx, query) })
}

func (s measuredStore) Get(ctx context.Context, id int64) (items.Item, error) {
	return measured(ctx, s, "get", func(ctx context.Context) (items.Item, error) { return s.Store.Get(ctx, id) })
}

func (s measuredStore) Create(ctx context.Context, stamp items.Stamp, item items.Item) (items.Item, error) {
	return measured(ctx, s, "create", func(ctx context.Context) (items.Item, error) { return s.Store.Create(ctx, stamp, item) })
}

func (s measuredStore) Update(ctx context.Context, stamp items.Stamp, id int64, change func(items.Item) (items.Item, error)) (items.Item, error) {
	return measured(ctx, s, "update", func(ctx context.Context) (items.Item, error) { return s.Store.Update(ctx, stamp, id, change) })
}

func (s measuredStore) Delete(ctx context.Context, stamp items.Stamp, id int64, allow func(items.Item) error) (items.Item, error) {
	return measured(ctx, s, "delete", func(ctx context.Context) (items.Item, error) { return s.Store.Delete(ctx, stamp, id, allow) })
}

func (s measuredStore) Restore(ctx context.Context, stamp items.Stamp, id int64) (items.Item, error) {
	return measured(ctx, s, "restore", func(ctx context.Context) (items.Item, error) { return s.Store.Restore(ctx, stamp, id) })
}

func (s measuredStore) Reset(ctx context.Context, stamp items.Stamp, menu []items.Item) ([]items.Item, error) {
	return measured(ctx, s, "reset", func(ctx context.Context) ([]items.Item, error) { return s.Store.Reset(ctx, stamp, menu) })
}

func (s measuredStore) History(ctx context.Context, id, before int64, limit int) ([]items.Change, error) {
	return measured(ctx, s, "history", func(ctx context.Context) ([]items.Change, error) { return s.Store.History(ctx, id, before, limit) })
}

func (s measuredStore) Changes(ctx context.Context, after items.Cursor, limit int) (changes []items.Change, next items.Cursor, err error) {
	changes, err = measured(ctx, s, "changes", func(ctx context.Context) ([]items.Change, error) {
		changes, next, err = s.Store.Changes(ctx, after, limit)
		return changes, err
	})
	return changes, next, err
}

func (s measuredStore) Ping(ctx context.Context) error {
	_, err := measured(ctx, s, "ping", func(ctx context.Context) (struct{}, error) { return struct{}{}, s.Store.Ping(ctx) })
	return err
}

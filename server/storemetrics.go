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

// ObserveStore returns an observer that measures each operation of the store and, if it belongs to a request that is traced,
// records it as a span. tracing may be nil.
func ObserveStore(metrics *Metrics, tracing *Tracing) items.Observer {
	return func(ctx context.Context, operation string) (context.Context, func(error)) {
		start := time.Now()
		ctx, end := tracing.operation(ctx, operation)
		return ctx, func(err error) {
			outcome := storeOutcome(err)
			end(outcome)
			metrics.store.WithLabelValues(operation, outcome).Observe(time.Since(start).Seconds())
		}
	}
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

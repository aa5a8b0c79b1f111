package cli

import (
	"context"
	"log/slog"
	"time"

	"menu-api/items"
)

const (
	// pruneInterval is how often a server deletes expired idempotency keys and frees disk space.
	pruneInterval = 20 * time.Second
	// historyInterval is how often it deletes old changes, which is more work.
	historyInterval = time.Hour
)

// prune deletes what the database no longer needs, until the context ends. Several replicas may do so at the same time.
func prune(ctx context.Context, store items.Store, retention time.Duration, log *slog.Logger) {
	ticker := time.NewTicker(pruneInterval)
	defer ticker.Stop()
	var history time.Time // when the next old changes are deleted
	for ctx.Err() == nil {
		now, keep := time.Now(), time.Duration(0)
		if now.After(history) {
			keep, history = retention, now.Add(historyInterval)
		}
		// The next attempt follows soon, so a failure is not worth a warning.
		if err := store.Prune(ctx, now, keep); err != nil && ctx.Err() == nil {
			log.Debug("cannot prune the database; trying again", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

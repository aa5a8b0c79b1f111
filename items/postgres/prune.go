package postgres

import (
	"context"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"menu-api/items"
)

const (
	// pruneBatch is how many rows a statement deletes, and prunePause the time before the next one.
	pruneBatch = 500
	prunePause = 10 * time.Millisecond
	// eraseBatch is how many changes a statement looks at.
	eraseBatch = 5000
)

var (
	// deleteExpiredKeys skips rows that another replica deletes or a write replaces.
	deleteExpiredKeys = `
DELETE FROM idempotency_keys
WHERE id IN (SELECT id FROM idempotency_keys WHERE at <= @expired LIMIT @limit FOR UPDATE SKIP LOCKED)`

	// pruneChanges looks at the next changes in the order of time. It keeps the last change of an item, and the change before
	// it if the last one is the deletion: this is what Restore needs. A clock that stepped back must not leave a gap in a history,
	// so a change also stays if an earlier one does.
	pruneChanges = `
WITH page AS (
	SELECT at, item_id, version FROM changes
	WHERE item_id > 0 AND at < @before AND (at, item_id, version) > (@at, @item_id, @version)
	ORDER BY at, item_id, version
	LIMIT @limit
), deleted AS (
	DELETE FROM changes c USING page p
	WHERE c.item_id = p.item_id AND c.version = p.version
		AND EXISTS (
			SELECT 1 FROM changes later WHERE later.item_id = p.item_id AND later.version > p.version
				AND NOT (later.version = p.version + 1 AND later.action = 'delete'))
		AND NOT EXISTS (
			SELECT 1 FROM changes earlier WHERE earlier.item_id = p.item_id AND earlier.version < p.version AND earlier.at >= @before)
	RETURNING c.number
), mark AS (
	UPDATE feed SET pruned = highest FROM (SELECT max(number) AS highest FROM deleted) AS d WHERE highest > pruned
)
SELECT at, item_id, version FROM page ORDER BY at DESC, item_id DESC, version DESC LIMIT 1`

	// pruneImports deletes the changes of many items, unless one has the newest number.
	pruneImports = `
WITH deleted AS (
	DELETE FROM changes WHERE item_id = 0 AND at < @before AND number < (SELECT max(number) FROM changes) RETURNING number
)
UPDATE feed SET pruned = highest FROM (SELECT max(number) AS highest FROM deleted) AS d WHERE highest > pruned`

	// selectSnapshotAge returns the age of the oldest transaction that keeps VACUUM from removing rows. PostgreSQL shows
	// those of other roles only to members of pg_read_all_stats.
	selectSnapshotAge = `
SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::float8
FROM pg_stat_activity
WHERE datname = current_database() AND coalesce(backend_xmin, backend_xid) IS NOT NULL AND pid <> pg_backend_pid()`

	// eraseKeys deletes the idempotency keys of a subject. They contain only a digest of it.
	eraseKeys = `
DELETE FROM idempotency_keys k
WHERE EXISTS (SELECT 1 FROM changes c WHERE c.item_id = k.item_id AND c.version = k.version AND c.author = @subject)
	OR k.batch <> '' AND EXISTS (SELECT 1 FROM changes c WHERE c.batch = k.batch AND c.batch <> '' AND c.author = @subject)`

	// eraseAuthor looks at the next changes in the order of their primary key. No index finds the changes of a person.
	eraseAuthor = `
WITH page AS (
	SELECT item_id, version, author FROM changes
	WHERE (item_id, version) > (@item_id, @version)
	ORDER BY item_id, version
	LIMIT @limit
), erased AS (
	UPDATE changes c SET author = @erased, author_name = ''
	FROM page p
	WHERE c.item_id = p.item_id AND c.version = p.version AND p.author = @subject
	RETURNING 1
)
SELECT item_id, version, (SELECT count(*) FROM erased) AS erased FROM page ORDER BY item_id DESC, version DESC LIMIT 1`
)

// OldestSnapshot returns the age in seconds of the oldest transaction, as the last Prune found it. While it is open, PostgreSQL
// keeps every old version of a row, which slows reads and writes.
func (s *Store) OldestSnapshot() float64 { return math.Float64frombits(s.oldestSnapshot.Load()) }

// Prune implements items.Store. It also measures the oldest snapshot.
func (s *Store) Prune(ctx context.Context, now time.Time, retention time.Duration) error {
	age, err := readOne(ctx, s, pgx.RowTo[float64], selectSnapshotAge, nil)
	if err != nil {
		return err
	}
	s.oldestSnapshot.Store(math.Float64bits(age))
	// A full batch means that there may be more keys.
	for deleted := int64(pruneBatch); deleted == pruneBatch; items.Sleep(ctx, prunePause) {
		if deleted, err = s.exec(ctx, deleteExpiredKeys, pgx.NamedArgs{"expired": expiry(now), "limit": pruneBatch}); err != nil {
			return err
		}
	}
	if retention == 0 {
		return nil
	}
	before := now.Add(-retention)
	type changeKey struct {
		At      time.Time
		ItemID  int64
		Version int64
	}
	for last := []changeKey{{At: time.Unix(0, 0)}}; len(last) > 0; items.Sleep(ctx, prunePause) {
		last, err = read(ctx, s, pgx.RowToStructByName[changeKey], pruneChanges, pgx.NamedArgs{
			"before": before, "at": last[0].At, "item_id": last[0].ItemID, "version": last[0].Version, "limit": pruneBatch,
		})
		if err != nil {
			return err
		}
	}
	_, err = s.exec(ctx, pruneImports, pgx.NamedArgs{"before": before})
	return err
}

// Erase implements items.Store. It erases the keys first, because the changes lead to them.
func (s *Store) Erase(ctx context.Context, subject string) (changes int64, err error) {
	_, err = s.exec(ctx, eraseKeys, pgx.NamedArgs{"subject": subject})
	type page struct {
		ItemID, Version int64 // of its last change
		Erased          int64
	}
	for last := []page{{ItemID: -1}}; err == nil && len(last) > 0; {
		last, err = read(ctx, s, pgx.RowToStructByName[page], eraseAuthor, pgx.NamedArgs{
			"subject": subject, "erased": items.Erased, "item_id": last[0].ItemID, "version": last[0].Version, "limit": eraseBatch,
		})
		for _, p := range last {
			changes += p.Erased
		}
	}
	return changes, err
}

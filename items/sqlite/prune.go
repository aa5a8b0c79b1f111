package sqlite

import (
	"context"
	"database/sql"
	"math"
	"os"
	"slices"
	"time"

	"menu-api/items"
)

const (
	// pruneBatch is how many rows a transaction changes, and prunePause the time before the next one, so that other writes
	// hardly wait.
	pruneBatch = 200
	prunePause = 10 * time.Millisecond
)

var (
	deleteExpiredKeys = statement(`
DELETE FROM idempotency_keys WHERE id IN (SELECT id FROM idempotency_keys WHERE at <= @expired LIMIT @limit)`)

	// selectOldChanges returns the next changes in the order of time, and whether each may be deleted. It keeps the last change
	// of an item, and the change before it if the last one is the deletion: this is what Restore needs. A clock that stepped
	// back must not leave a gap in a history, so a change also stays if an earlier one does.
	selectOldChanges = statement(`
SELECT seq, at, item_id, version,
	EXISTS (
		SELECT 1 FROM changes later WHERE later.item_id = c.item_id AND later.version > c.version
			AND NOT (later.version = c.version + 1 AND later.action = 'delete'))
	AND NOT EXISTS (
		SELECT 1 FROM changes earlier WHERE earlier.item_id = c.item_id AND earlier.version < c.version AND earlier.at >= @before)
FROM changes c
WHERE item_id > 0 AND at < @before AND (at, item_id, version) > (@at, @item_id, @version)
ORDER BY at, item_id, version
LIMIT @limit`)

	deleteOldChanges = statement(`DELETE FROM changes WHERE seq IN (SELECT value FROM json_each(@seqs))`)

	// selectOldImports returns the changes of many items, unless one has the newest number.
	selectOldImports = statement(`SELECT seq FROM changes WHERE item_id = 0 AND at < @before AND seq < (SELECT max(seq) FROM changes)`)

	raisePruned = statement(`UPDATE feed SET pruned = max(pruned, @pruned)`)

	// deleteKeysOf deletes the idempotency keys of a subject. They contain only a digest of it.
	deleteKeysOf = statement(`
DELETE FROM idempotency_keys AS k
WHERE EXISTS (SELECT 1 FROM changes c WHERE c.item_id = k.item_id AND c.version = k.version AND c.author = @subject)
	OR k.batch <> '' AND EXISTS (SELECT 1 FROM changes c WHERE c.batch = k.batch AND c.batch <> '' AND c.author = @subject)`)

	selectChangesOf = statement(`SELECT seq FROM changes WHERE seq > @after AND author = @subject ORDER BY seq LIMIT @limit`)

	eraseAuthor = statement(`
UPDATE changes SET author = @erased, author_name = '' WHERE seq IN (SELECT value FROM json_each(@seqs))`)
)

// Prune implements items.Store. It also truncates the WAL.
func (s *Store) Prune(ctx context.Context, now time.Time, retention time.Duration) error {
	expired := arg("expired", now.Add(-items.KeyLifetime).UnixMilli())
	for deleted := int64(pruneBatch); deleted == pruneBatch; items.Sleep(ctx, prunePause) {
		err := s.writer.run(ctx, func(ctx context.Context, tx *conn) error {
			result, err := tx.exec(ctx, deleteExpiredKeys, expired, arg("limit", pruneBatch))
			if err == nil {
				deleted, err = result.RowsAffected()
			}
			return err
		})
		if err != nil {
			return translate(ctx, err)
		}
	}
	if retention > 0 {
		if err := s.pruneHistory(ctx, now.Add(-retention).UnixMilli()); err != nil {
			return translate(ctx, err)
		}
	}
	return translate(ctx, s.shrinkWAL(ctx))
}

// shrinkWAL truncates a WAL that has become large because of a reader, once the reader has ended. It does not need a write.
func (s *Store) shrinkWAL(ctx context.Context) error {
	if info, err := os.Stat(s.file.name + "-wal"); err != nil || info.Size() < maxWAL {
		return nil //nolint:nilerr // without a WAL there is nothing to do
	}
	// This does most of the work and delays no write.
	done, err := runCheckpoint(ctx, s.scan, "PASSIVE")
	if err != nil || done.copied <= done.frames/2 {
		return err
	}
	return s.writer.batcher.RunAlone(ctx, func() { //nolint:contextcheck // it ends soon
		s.writer.walLimit = maxWAL
		s.writer.boundWAL()
	})
}

func (s *Store) pruneHistory(ctx context.Context, before int64) error {
	type change struct {
		seq, at, itemID, version int64
		prunable                 bool
	}
	var last change
	for {
		page, err := all(ctx, s.scan, func(row *sql.Rows) (c change, err error) {
			err = row.Scan(&c.seq, &c.at, &c.itemID, &c.version, &c.prunable)
			return c, err
		}, selectOldChanges, arg("before", before), arg("at", last.at), arg("item_id", last.itemID), arg("version", last.version), arg("limit", pruneBatch))
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		last = page[len(page)-1]
		var old []int64
		for _, c := range page {
			if c.prunable {
				old = append(old, c.seq)
			}
		}
		if err := s.deleteChanges(ctx, old); err != nil {
			return err
		}
	}
	old, err := all(ctx, s.scan, scanValue[int64], selectOldImports, arg("before", before))
	if err != nil {
		return err
	}
	return s.deleteChanges(ctx, old)
}

// deleteChanges deletes changes and remembers that the feed lacks them.
func (s *Store) deleteChanges(ctx context.Context, seqs []int64) error {
	if len(seqs) == 0 {
		return nil
	}
	defer items.Sleep(ctx, prunePause)
	return s.writer.run(ctx, func(ctx context.Context, tx *conn) error {
		_, err := tx.exec(ctx, deleteOldChanges, listArg("seqs", seqs))
		if err == nil {
			_, err = tx.exec(ctx, raisePruned, arg("pruned", slices.Max(seqs)))
		}
		return err
	})
}

// Erase implements items.Store.
func (s *Store) Erase(ctx context.Context, subject string) (changes int64, err error) {
	of := arg("subject", subject)
	err = s.writer.run(ctx, func(ctx context.Context, tx *conn) error {
		_, err := tx.exec(ctx, deleteKeysOf, of)
		return err
	})
	for after := int64(math.MinInt64); err == nil; items.Sleep(ctx, prunePause) {
		var seqs []int64
		seqs, err = all(ctx, s.scan, scanValue[int64], selectChangesOf, of, arg("after", after), arg("limit", pruneBatch))
		if err != nil || len(seqs) == 0 {
			break
		}
		after = seqs[len(seqs)-1]
		err = s.writer.run(ctx, func(ctx context.Context, tx *conn) error {
			_, err := tx.exec(ctx, eraseAuthor, arg("erased", items.Erased), listArg("seqs", seqs))
			return err
		})
		if err == nil {
			changes += int64(len(seqs))
		}
	}
	return changes, translate(ctx, err)
}

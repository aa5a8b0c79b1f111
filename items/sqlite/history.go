package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"math"

	"menu-api/items"
)

// record puts a change into the history.
func record(ctx context.Context, tx *conn, change items.Change) error {
	return recordAs(ctx, tx, nil, change)
}

// recordAs gives the change a place in the sequence, nil for the next.
func recordAs(ctx context.Context, tx *conn, seq *int64, change items.Change) error {
	before, err := items.Snapshot(change.Before)
	if err != nil {
		return err
	}
	after, err := items.Snapshot(change.After)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx,
		`INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		seq, change.ItemID, change.Version, change.Action, change.By, change.At.UnixMilli(), before, after)
	return err
}

const changeColumns = `item_id, version, action, author, at, before_json, after_json`

func scanChange(row scanner, more ...any) (items.Change, error) {
	var (
		change        items.Change
		at            int64
		before, after *string
	)
	err := row.Scan(append(more, &change.ItemID, &change.Version, &change.Action, &change.By, &at, &before, &after)...)
	if err != nil {
		return items.Change{}, err
	}
	change.At = items.TimeOf(at)
	if change.Before, err = items.FromSnapshot(before, change.Version-1); err != nil {
		return items.Change{}, err
	}
	change.After, err = items.FromSnapshot(after, change.Version)
	return change, err
}

// History implements items.Store.
func (s *Store) History(ctx context.Context, id, before int64, limit int) ([]items.Change, error) {
	changes, err := history(ctx, s.read, id, before, limit)
	return changes, translate(ctx, err)
}

func history(ctx context.Context, q querier, id, before int64, limit int) ([]items.Change, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	changes := []items.Change{}
	err := each(ctx, q, func(row scanner) error {
		change, err := scanChange(row)
		changes = append(changes, change)
		return err
	}, `SELECT `+changeColumns+` FROM changes WHERE item_id = ? AND version < ? ORDER BY version DESC LIMIT ?`, id, before, limit)
	if err != nil || len(changes) > 0 {
		return changes, err
	}
	known, err := value[bool](ctx, q, `SELECT EXISTS (SELECT 1 FROM changes WHERE item_id = ?)`, id)
	if err == nil && !known {
		err = items.ErrNotFound
	}
	return changes, err
}

// once runs do, unless a request with the stamp's key was made before: then it returns what that one returned.
func once(ctx context.Context, tx *conn, stamp items.Stamp, do func() (items.Item, error)) (items.Item, error) {
	key := stamp.Key
	if key == nil {
		return do()
	}
	expired := stamp.At.Add(-items.KeyLifetime).UnixMilli()
	var (
		fingerprint []byte
		after       *string
		version     int64
	)
	err := one(ctx, tx, func(row scanner) error { return row.Scan(&fingerprint, &after, &version) },
		`SELECT k.fingerprint, c.after_json, c.version
		FROM idempotency_keys k JOIN changes c ON c.item_id = k.item_id AND c.version = k.version
		WHERE k.id = ? AND k.at > ?`, key.ID(stamp.By), expired)
	switch {
	case err == nil && !bytes.Equal(fingerprint, key.Fingerprint[:]):
		return items.Item{}, items.ErrKeyReused
	case err == nil:
		item, err := items.FromSnapshot(after, version)
		if err != nil {
			return items.Item{}, err
		}
		return *item, nil
	case !errors.Is(err, sql.ErrNoRows):
		return items.Item{}, err
	}
	item, err := do()
	if err != nil {
		return items.Item{}, err
	}
	if _, err := tx.exec(ctx, `DELETE FROM idempotency_keys WHERE at <= ?`, expired); err != nil {
		return items.Item{}, err
	}
	_, err = tx.exec(ctx,
		`INSERT OR REPLACE INTO idempotency_keys (id, fingerprint, at, item_id, version) VALUES (?, ?, ?, ?, ?)`,
		key.ID(stamp.By), key.Fingerprint[:], stamp.At.UnixMilli(), item.ID, item.Version)
	return item, err
}

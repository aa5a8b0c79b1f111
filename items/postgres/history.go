package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"menu-api/items"
)

const changeColumns = `item_id, version, action, author, at, before_json, after_json`

func scanChange(rows pgx.CollectableRow) (items.Change, error) { return scanChangeAnd(rows) }

// scanChangeAnd also reads the columns that stand before those of the change.
func scanChangeAnd(rows pgx.CollectableRow, first ...any) (items.Change, error) {
	var (
		change        items.Change
		before, after *string
	)
	err := rows.Scan(append(first, &change.ItemID, &change.Version, &change.Action, &change.By, &change.At, &before, &after)...)
	if err != nil {
		return items.Change{}, err
	}
	change.At = change.At.UTC().Truncate(time.Millisecond) // the engine is more exact
	if change.Before, err = items.FromSnapshot(before, change.Version-1); err != nil {
		return items.Change{}, err
	}
	change.After, err = items.FromSnapshot(after, change.Version)
	return change, err
}

// snapshotRest is the snapshot of an item without an id, from behind the id: the database puts the id in front.
func snapshotRest(item items.Item) (string, error) {
	item.ID = 0
	snapshot, err := items.Snapshot(&item)
	if err != nil {
		return "", err
	}
	rest, ok := strings.CutPrefix(*snapshot, `{"id":0`)
	if !ok {
		return "", fmt.Errorf("the snapshot %.20q does not begin with the id", *snapshot)
	}
	return rest, nil
}

func snapshots(before, after items.Item) (beforeJSON, afterJSON *string, err error) {
	if beforeJSON, err = items.Snapshot(&before); err != nil {
		return nil, nil, err
	}
	afterJSON, err = items.Snapshot(&after)
	return beforeJSON, afterJSON, err
}

// History implements items.Store.
func (s *Store) History(ctx context.Context, id, before int64, limit int) ([]items.Change, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	changes, err := read(ctx, s, scanChange,
		`SELECT `+changeColumns+` FROM changes WHERE item_id = $1 AND version < $2 ORDER BY version DESC LIMIT $3`, id, before, limit)
	if err != nil || len(changes) > 0 {
		return changes, err
	}
	known, err := readOne(ctx, s, pgx.RowTo[bool], `SELECT EXISTS (SELECT 1 FROM changes WHERE item_id = $1)`, id)
	if err == nil && !known {
		err = items.ErrNotFound
	}
	return changes, err
}

// takeKey is the part of a statement that takes an idempotency key for the change of an item, from argument number first
// on. It returns no row if the key is taken, and takes one over that has expired. A second request under the key waits
// here until the first has committed.
func takeKey(id, version string, first int) string {
	return fmt.Sprintf(`INSERT INTO idempotency_keys AS k (id, fingerprint, at, item_id, version)
			VALUES ($%d, $%d, $%d, %s, %s)
			ON CONFLICT (id) DO UPDATE SET fingerprint = excluded.fingerprint, at = excluded.at, item_id = excluded.item_id, version = excluded.version
			WHERE k.at <= $%d
			RETURNING item_id`, first, first+1, first+2, id, version, first+3)
}

func keyArgs(stamp items.Stamp) []any {
	return []any{stamp.Key.ID(stamp.By), stamp.Key.Fingerprint[:], stamp.At, expiry(stamp.At)}
}

// expiry is the time before which keys are forgotten.
func expiry(now time.Time) time.Time { return now.Add(-items.KeyLifetime) }

// replay returns what the request under the stamp's key had for an answer. known is false if there was none.
func (s *Store) replay(ctx context.Context, stamp items.Stamp) (item items.Item, known bool, err error) {
	if stamp.Key == nil {
		return items.Item{}, false, nil
	}
	type use struct {
		fingerprint []byte
		result      items.Change
	}
	used, err := readOne(ctx, s, func(rows pgx.CollectableRow) (u use, err error) {
		u.result, err = scanChangeAnd(rows, &u.fingerprint)
		return u, err
	}, `SELECT k.fingerprint, c.item_id, c.version, c.action, c.author, c.at, c.before_json, c.after_json
		FROM idempotency_keys k JOIN changes c ON c.item_id = k.item_id AND c.version = k.version
		WHERE k.id = $1 AND k.at > $2`, stamp.Key.ID(stamp.By), expiry(stamp.At))
	switch {
	case errors.Is(err, items.ErrNotFound):
		return items.Item{}, false, nil
	case err != nil:
		return items.Item{}, false, err
	case !bytes.Equal(used.fingerprint, stamp.Key.Fingerprint[:]):
		return items.Item{}, true, items.ErrKeyReused
	}
	return *used.result.After, true, nil
}

package sqlite

import (
	"context"

	"menu-api/items"
)

// Changes implements items.Store. The sequence rises in the order of commits, so one number is the whole cursor.
func (s *Store) Changes(ctx context.Context, after items.Cursor, limit int) ([]items.Change, items.Cursor, error) {
	if len(after) != 1 {
		last, err := value[int64](ctx, s.read, `SELECT coalesce(max(seq), 0) FROM changes`)
		return nil, items.Cursor{max(0, last)}, translate(ctx, err)
	}
	var changes []items.Change
	last := after[0]
	err := each(ctx, s.read, func(row scanner) error {
		change, err := scanChange(row, &last)
		change.Place.Seq = last
		changes = append(changes, change)
		return err
	}, `SELECT seq, `+changeColumns+` FROM changes WHERE seq > ? ORDER BY seq LIMIT ?`, after[0], limit)
	if err != nil {
		return nil, after, translate(ctx, err)
	}
	return changes, items.Cursor{last}, nil
}

// Await implements items.Store. Writes of this process ring; those of others are found at the next poll.
func (s *Store) Await(ctx context.Context) error { return s.bell.Wait(ctx) }

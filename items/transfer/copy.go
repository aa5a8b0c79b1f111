package transfer

import (
	"context"
	"errors"
	"io"
	"iter"

	"menu-api/items"
)

// Copy moves the menu of one moment and its history into another store: all of it, or nothing. With replace, what was
// there before is removed first. It calls moved, which may be nil, after every record.
//
// Idempotency keys stay behind: they are of requests that the other store was not asked for.
func Copy(ctx context.Context, from, to items.Store, stamp items.Stamp, replace bool, moved func(Count)) (Count, error) {
	next, stop := iter.Pull2(records(ctx, from))
	defer stop()
	var count Count
	err := to.Import(ctx, stamp, replace, func() (items.Record, error) {
		rec, err, more := next()
		switch {
		case !more:
			return items.Record{}, io.EOF
		case err != nil:
			return items.Record{}, err
		}
		count.add(rec)
		if moved != nil {
			moved(count)
		}
		return rec, nil
	})
	return count, err
}

var errStopped = errors.New("nobody takes more records")

// records is the whole menu and its history. An error comes last.
func records(ctx context.Context, from items.Store) iter.Seq2[items.Record, error] {
	return func(yield func(items.Record, error) bool) {
		stopped := false // and then yield must not be called again
		err := from.Export(ctx, true, func(rec items.Record) error {
			if stopped = !yield(rec, nil); stopped {
				return errStopped
			}
			return nil
		})
		if err != nil && !stopped {
			yield(items.Record{}, err)
		}
	}
}

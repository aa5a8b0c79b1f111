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
	exported := make(chan struct{})
	next, stop := ahead(ctx, func(yield func(result) bool) {
		defer close(exported)
		records(ctx, from)(yield)
	})
	defer func() {
		stop()
		<-exported // the caller may close the store that is read
	}()
	var count Count
	err := to.Import(ctx, stamp, replace, func() (items.Record, error) {
		rec, more := next()
		switch {
		case ctx.Err() != nil:
			return items.Record{}, ctx.Err()
		case !more:
			return items.Record{}, io.EOF
		case rec.err != nil:
			return items.Record{}, rec.err
		}
		count.add(rec.Record)
		if moved != nil {
			moved(count)
		}
		return rec.Record, nil
	})
	return count, err
}

// result is a record, or the error that ends a sequence of them.
type result struct {
	items.Record

	err error
}

var errStopped = errors.New("nobody takes more records")

// records is the whole menu and its history. An error comes last.
func records(ctx context.Context, from items.Store) iter.Seq[result] {
	return func(yield func(result) bool) {
		stopped := false // and then yield must not be called again
		err := from.Export(ctx, true, func(rec items.Record) error {
			if stopped = !yield(result{Record: rec}); stopped {
				return errStopped
			}
			return nil
		})
		if err != nil && !stopped {
			yield(result{err: err})
		}
	}
}

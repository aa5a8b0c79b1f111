package transfer

import (
	"context"
	"io"

	"menu-api/items"
)

// Copy copies the menu of one moment and its history into another store: all of it, or nothing. With replace, the other
// store's menu and history are removed first. It calls moved, which may be nil, after every record.
//
// Idempotency keys are not copied: they belong to requests that the other store never received.
func Copy(ctx context.Context, from, to items.Store, info items.AuditInfo, replace bool, moved func(Count)) (Count, error) {
	ctx, cancel := context.WithCancel(ctx)
	records := make(chan items.Record, ahead)
	exported := make(chan error, 1)
	go func() {
		err := from.Export(ctx, true, func(rec items.Record) error {
			select {
			case records <- rec:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		exported <- err
		close(records)
	}()
	var count Count
	err := to.Import(ctx, info, replace, func() (items.Record, error) {
		rec, more := <-records
		if !more {
			err := <-exported
			exported <- err
			if err == nil {
				err = io.EOF
			}
			return rec, err
		}
		count.add(rec, moved)
		return rec, nil
	})
	cancel()
	<-exported // the caller may close the store that is read
	return count, err
}

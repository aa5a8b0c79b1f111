package transfer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"menu-api/items"
)

// Copy copies the menu of one moment and its history into another store: all of it, or nothing. With replace, the other
// store's menu and history are removed first. It calls moved, which may be nil, after every record.
//
// It rejects what an import rejects: another program may have changed the database, and one record that breaks the rules
// would make every later read fail.
//
// Idempotency keys are not copied: they belong to requests that the other store never received.
func Copy(ctx context.Context, from, to items.Store, info items.AuditInfo, replace bool, moved func(Count)) (Count, error) {
	ctx, cancel := context.WithCancel(ctx)
	records := make(chan items.Record, ahead)
	exported := make(chan error, 1)
	go func() {
		validate := newValidator()
		err := from.Export(ctx, true, func(rec items.Record) error {
			if err := validate(rec); err != nil {
				return err
			}
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
	<-exported //nolint:errcheck // import has returned it; the caller may close the store that is read now
	return count, err
}

// newValidator returns a function that checks a record under the rules of an import, by writing and reading its line.
func newValidator() func(items.Record) error {
	var line bytes.Buffer
	buffer := bufio.NewWriter(&line)
	write := writeJSONL(buffer, true)
	return func(rec items.Record) error {
		line.Reset()
		buffer.Reset(&line)
		err := errors.Join(write(rec), buffer.Flush())
		if err == nil {
			_, err = items.ParseRecord(line.Bytes())
		}
		if err == nil {
			return nil
		}
		text := err.Error()
		if invalid, ok := errors.AsType[*items.ValidationError](err); ok {
			text = sentence(invalid)
		}
		if rec.Change != nil {
			return fmt.Errorf("version %d of item %d is not valid: %s", rec.Change.Version, rec.Change.ItemID, text)
		}
		return fmt.Errorf("item %d is not valid: %s", rec.Item.ID, text)
	}
}

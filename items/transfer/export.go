package transfer

import (
	"bufio"
	"context"
	"errors"
	"io"

	"menu-api/items"
)

// Export writes the menu of one moment, and its history if history is true and the format supports it. It calls moved,
// which may be nil, after every record.
//
// Without its history an item is written without its version, so that it can be imported as a new one.
func Export(ctx context.Context, from items.Store, to io.Writer, format Format, history bool, moved func(Count)) (Count, error) {
	buffer := bufio.NewWriterSize(to, 64<<10)
	write, flush := writeJSONL(buffer, history), func() error { return nil }
	if format == CSV || format == Spreadsheet {
		history = false
		write, flush = writeCSV(buffer, format == Spreadsheet)
	}
	var count Count
	var previous items.Change
	err := from.Export(ctx, history, func(rec items.Record) error {
		if change := rec.Change; change != nil {
			if previous.ItemID == change.ItemID && previous.Version == change.Version-1 {
				change.Before = previous.After
			}
			previous = *change
		}
		if err := write(rec); err != nil {
			return err
		}
		count.add(rec, moved)
		return nil
	})
	if err == nil {
		err = errors.Join(flush(), buffer.Flush())
	}
	return count, err
}

package transfer

import (
	"cmp"
	"context"
	"errors"
	"io"

	"menu-api/items"
)

// Copy copies the menu of one moment and its history into another store: all of it, or nothing. With replace, the other
// store's menu and history are removed first. It calls moved, which may be nil, after every record that it reads.
//
// It is an import of an export, so it rejects what an import rejects: another program may have changed the database, and one
// record that breaks the rules would make every later read fail.
//
// Idempotency keys are not copied: they belong to requests that the other store never received.
func Copy(ctx context.Context, from, to items.Store, info items.AuditInfo, replace bool, moved func(Count)) (Count, error) {
	reader, writer := io.Pipe()
	exported := make(chan error, 1)
	go func() {
		_, err := Export(ctx, from, writer, JSONL, true, moved)
		_ = writer.CloseWithError(err) // returns no error
		exported <- err
	}()
	count, err := Import(ctx, to, info, File{Format: JSONL, Reader: reader, MayBeEmpty: true, isCopy: true}, replace)
	_ = reader.Close() // returns no error, and ends the export
	exportErr := <-exported
	if errors.Is(exportErr, io.ErrClosedPipe) {
		exportErr = nil // the import failed first
	}
	return count, cmp.Or(exportErr, err)
}

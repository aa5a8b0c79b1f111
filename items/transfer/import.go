package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"menu-api/items"
)

// ahead is how many records are read before they are written.
const ahead = 256

// Import adds the records of the file: all of them, or none. With replace, the menu and its history are removed first,
// unless the file has no items.
//
// An error about the file is one sentence that names the line and says what to write.
func Import(ctx context.Context, to items.Store, info items.AuditInfo, file File, replace bool) (Count, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan result, ahead)
	// Import does not wait for this goroutine, which may be waiting for a person to type.
	go func() {
		next, err := file.open()
		for r := (result{err: err}); ; {
			if r.err == nil {
				r.rec, r.line, r.err = next()
			}
			select {
			case results <- r:
			case <-ctx.Done():
				return
			}
			if r.err != nil {
				return
			}
		}
	}()
	in := &importer{file: file, replace: replace}
	err := to.Import(ctx, info, replace, func() (items.Record, error) {
		select {
		case r := <-results:
			return in.record(r)
		case <-ctx.Done():
			return items.Record{}, ctx.Err()
		}
	})
	return in.count, in.explain(err)
}

// source returns the next record and the line on which it begins, or an error and the line that is wrong. The error is
// io.EOF after the last record. Line 0 means the whole file.
type source func() (rec items.Record, line int, err error)

// result is what a source returns.
type result struct {
	rec  items.Record
	line int
	err  error
}

type importer struct {
	file    File
	replace bool
	count   Count
	lines   [10_000]int // where the last records begin: a store may report a record some thousand records later
}

func (in *importer) record(r result) (items.Record, error) {
	rec, err := r.rec, r.err
	switch {
	case errors.Is(err, io.EOF) && in.replace && !in.file.MayBeEmpty && in.count == (Count{}):
		return rec, fmt.Errorf("%s contains no items: replacing the menu with it would remove everything", in.file.Name)
	case errors.Is(err, io.EOF):
		return rec, io.EOF
	case err != nil:
		return rec, in.at(r, err)
	case rec.Item != nil && rec.Item.ID > maxID, rec.Change != nil && rec.Change.ItemID > maxID:
		return rec, in.at(r, fmt.Errorf("id must be at most %d: JavaScript cannot represent a larger one exactly", maxID))
	case rec.Item != nil && in.count.Changes > 0:
		return rec, in.at(r, errors.New("an item comes after a change: put all items first"))
	}
	in.lines[int(in.count.Items+in.count.Changes)%len(in.lines)] = r.line
	in.count.add(rec, nil)
	return rec, nil
}

// maxID is the largest integer that JavaScript represents exactly: Number.MAX_SAFE_INTEGER.
const maxID = 1<<53 - 1

// at adds the name of the file and the line to an error, or the record in a copy.
func (in *importer) at(r result, err error) error {
	if r.line == 0 || errors.Is(err, errUnreadable) {
		return fmt.Errorf("%s %w", in.file.Name, err)
	}
	place := fmt.Sprintf("%s line %d", in.file.Name, r.line)
	if in.file.isCopy {
		place = nameOf(r.rec) + " is not valid"
	}
	if invalid, ok := errors.AsType[*items.ValidationError](err); ok {
		return fmt.Errorf("%s: %s", place, sentence(invalid))
	}
	return fmt.Errorf("%s: %w", place, err)
}

func nameOf(rec items.Record) string {
	switch {
	case rec.Change != nil:
		return fmt.Sprintf("version %d of item %d", rec.Change.Version, rec.Change.ItemID)
	case rec.Item != nil:
		return fmt.Sprintf("item %d", rec.Item.ID)
	}
	return "a record"
}

// sentence joins everything that is wrong with a line into a sentence that can follow a colon.
func sentence(invalid *items.ValidationError) string {
	if len(invalid.Fields) == 0 {
		return strings.ToLower(invalid.Detail[:1]) + strings.TrimSuffix(invalid.Detail[1:], ".")
	}
	wrong := make([]string, len(invalid.Fields))
	for i, field := range invalid.Fields {
		wrong[i] = field.Field + " " + field.Message
	}
	return strings.Join(wrong, "; ")
}

// explain translates an error of the store into what to change in the file.
func (in *importer) explain(err error) error {
	var refused *items.RecordError
	switch {
	case in.file.isCopy:
		return err
	case errors.As(err, &refused) && errors.Is(err, items.ErrExists):
		message := "this id is or was on the menu, or is in the file twice: leave the id out to add a new item, " +
			"or import with --replace to remove what is there"
		if in.replace {
			message = "this id, or this change of it, is in the file twice (items without an id get the next free one: put them last)"
		}
		return in.at(result{line: in.lines[refused.Index%len(in.lines)]}, errors.New(message))
	case errors.Is(err, items.ErrBadHistory):
		return fmt.Errorf(`%s: %w: export with history, or remove "version" from the items to begin a new history`, in.file.Name, err)
	}
	return err
}

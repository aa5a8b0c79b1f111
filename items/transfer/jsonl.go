package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"

	"menu-api/items"
)

// maxRow limits how much of a file is read at once, in bytes: a line of JSON, or a row of CSV. The largest item has less
// than a tenth of it.
const maxRow = 1 << 20

// rowReader reads the rows of a file: lines of JSON, or rows of CSV, which may have several lines.
type rowReader struct {
	scanner *bufio.Scanner
	next    int // the line on which the next row begins
}

func newRowReader(from io.Reader, split bufio.SplitFunc) *rowReader {
	const mark = "\xef\xbb\xbf" // the byte order mark that some editors put before UTF-8 text
	buffered := bufio.NewReaderSize(from, 64<<10)
	if start, _ := buffered.Peek(len(mark)); string(start) == mark {
		_, _ = buffered.Discard(len(mark)) // they are in the buffer
	}
	scanner := bufio.NewScanner(buffered)
	scanner.Buffer(nil, maxRow)
	scanner.Split(split)
	return &rowReader{scanner, 1}
}

// read returns the next row that is not blank and the line on which it begins. The row is valid until
// the next call.
func (r *rowReader) read() (row []byte, line int, err error) {
	for r.scanner.Scan() {
		row, line = r.scanner.Bytes(), r.next
		r.next += max(1, bytes.Count(row, []byte("\n")))
		if len(bytes.TrimSpace(row)) > 0 {
			return row, line, nil
		}
	}
	switch err = r.scanner.Err(); {
	case err == nil:
		return nil, r.next, io.EOF
	case errors.Is(err, bufio.ErrTooLong):
		return nil, r.next, errors.New("this is longer than a megabyte, which no item is: is a quotation mark or a line break missing?")
	}
	return nil, r.next, fmt.Errorf("%w: %w", errUnreadable, err)
}

// readJSONL reads a record from each line that is not blank.
func readJSONL(from io.Reader) source {
	rows := newRowReader(from, bufio.ScanLines)
	return func() (rec items.Record, line int, err error) {
		row, line, err := rows.read()
		if err == nil {
			rec, err = items.ParseRecord(row)
		}
		return rec, line, err
	}
}

// writeJSONL writes items with their versions if their history follows.
func writeJSONL(to *bufio.Writer, history bool) func(items.Record) error {
	type versioned struct {
		items.Item

		Version int64 `json:"version,omitzero"`
	}
	type line struct {
		Item   *versioned    `json:"item,omitzero"`
		Change *items.Change `json:"change,omitzero"`
	}
	return func(rec items.Record) error {
		l := line{Change: rec.Change}
		if rec.Item != nil {
			l.Item = &versioned{Item: *rec.Item}
			if history {
				l.Item.Version = rec.Item.Version
			}
		}
		if err := json.MarshalWrite(to, l); err != nil {
			return err
		}
		return to.WriteByte('\n')
	}
}

package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json"

	"menu-api/items"
)

// maxRow limits how much of a file is read at once, in bytes: a line of JSON, or a row of CSV. The largest item has less
// than a tenth of it.
const maxRow = 1 << 20

var errTooLong = errors.New("this is longer than a megabyte, which no item is: is a quotation mark or a line break missing?")

// withoutBOM skips the byte order mark that some editors put before UTF-8 text.
func withoutBOM(from io.Reader) io.Reader {
	const mark = "\xef\xbb\xbf"
	buffered := bufio.NewReaderSize(from, 64<<10)
	if start, _ := buffered.Peek(len(mark)); string(start) == mark {
		_, _ = buffered.Discard(len(mark)) // they are in the buffer
	}
	return buffered
}

// readJSONL reads a record from each line that is not blank.
func readJSONL(from io.Reader) source {
	lines := bufio.NewScanner(withoutBOM(from))
	lines.Buffer(nil, maxRow)
	line := 0
	return func() (rec items.Record, _ int, err error) {
		for lines.Scan() {
			line++
			if len(bytes.TrimSpace(lines.Bytes())) > 0 {
				rec, err = items.ParseRecord(lines.Bytes())
				return rec, line, err
			}
		}
		switch err := lines.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			return rec, line + 1, errTooLong
		case err != nil:
			return rec, line, &readError{err}
		}
		return rec, line, io.EOF
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

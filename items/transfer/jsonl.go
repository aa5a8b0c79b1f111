package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"menu-api/items"
)

// maxRow limits how much of a file is read at once, in bytes: a line of JSON, or a row of CSV. The largest item has less
// than a tenth of it.
const maxRow = 1 << 20

// rowReader reads the rows of a file: lines of JSON, or rows of CSV, which may have several lines.
type rowReader struct {
	scanner   *bufio.Scanner
	next      int  // the line on which the next row begins
	isDecoded bool // from another encoding, so U+FFFD means bytes that the encoding does not have
}

func newRowReader(from io.Reader, split bufio.SplitFunc, isDecoded bool) *rowReader {
	scanner := bufio.NewScanner(from)
	scanner.Buffer(nil, maxRow)
	scanner.Split(split)
	return &rowReader{scanner, 1, isDecoded}
}

// read returns the next row that is not blank and the line on which it begins. The row is valid until
// the next call.
func (r *rowReader) read() (row []byte, line int, err error) {
	for r.scanner.Scan() {
		row, line = r.scanner.Bytes(), r.next
		r.next += max(1, bytes.Count(row, []byte("\n")))
		if len(bytes.TrimSpace(row)) > 0 {
			breaks, err := r.checkText(row)
			return row, line + breaks, err
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

// checkText returns an error if the row has bytes that are not text, and after how many of the row's line breaks.
func (r *rowReader) checkText(row []byte) (breaks int, err error) {
	if utf8.Valid(row) && !(r.isDecoded && bytes.ContainsRune(row, utf8.RuneError)) {
		return 0, nil
	}
	wrong := bytes.IndexFunc(row, func(c rune) bool { return c == utf8.RuneError })
	if r.isDecoded {
		err = errors.New("this has bytes that the encoding does not have: name another one in --encoding")
	} else {
		err = errors.New("this is not text in UTF-8: save the file as CSV UTF-8, or name its encoding, such as --encoding windows-1252")
	}
	return bytes.Count(row[:wrong], []byte("\n")), err
}

// readJSONL reads a record from each line that is not blank.
func readJSONL(rows *rowReader) source {
	return func() (rec items.Record, line int, err error) {
		row, line, err := rows.read()
		if err == nil {
			rec, err = items.ParseRecord(row)
		}
		return rec, line, err
	}
}

// writeJSONL writes items with their versions if their history follows.
func writeJSONL(to io.Writer, history bool) func(items.Record) error {
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
		text, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("%s is not valid: %w", nameOf(rec), err)
		}
		_, err = to.Write(append(text, '\n'))
		return err
	}
}

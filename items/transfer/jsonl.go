package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"menu-api/items"
)

// maxRow bounds what is held of a file: a line of JSON, or a row of CSV. The largest item has less than a tenth of it.
const maxRow = 1 << 20

var errTooLong = errors.New("this is longer than a megabyte, which no item is: is a quotation mark or a line break missing?")

// byteOrderMark is what some editors put before the first character of a text in UTF-8.
var byteOrderMark = []byte("\xef\xbb\xbf")

// readJSONL reads a record from each line that is not blank.
func readJSONL(from io.Reader) source {
	scanner := bufio.NewScanner(from)
	scanner.Buffer(nil, maxRow)
	line := 0
	return func() (rec items.Record, _ int, err error) {
		for scanner.Scan() {
			line++
			text := scanner.Bytes()
			if line == 1 {
				text = bytes.TrimPrefix(text, byteOrderMark)
			}
			if len(bytes.TrimSpace(text)) > 0 {
				rec, err = items.ParseRecord(text)
				return rec, line, err
			}
		}
		switch err := scanner.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			return rec, line + 1, errTooLong
		case err != nil:
			return rec, line, &readError{err}
		}
		return rec, line, io.EOF
	}
}

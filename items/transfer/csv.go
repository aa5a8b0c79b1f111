package transfer

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"menu-api/items"
)

// required are the columns that a table must have.
var required = []string{"name", "price", "description", "image"}

// readCSV reads an item from each row below the header.
func readCSV(from io.Reader) source {
	input := &csvInput{from: bufio.NewReaderSize(from, 64<<10)}
	table := csv.NewReader(input)
	table.ReuseRecord = true
	var header []string
	end := 0 // the line on which the last row ended
	// row returns the next row and the line on which it begins.
	row := func() ([]string, int, error) {
		input.held = 0
		cells, err := table.Read()
		var malformed *csv.ParseError
		switch {
		case errors.Is(err, csv.ErrFieldCount):
			line, _ := table.FieldPos(0)
			return nil, line, fmt.Errorf("%s, where the header has %s", amount(int64(len(cells)), "column"), amount(int64(len(header)), "column"))
		case errors.As(err, &malformed):
			return nil, malformed.StartLine, malformedError(malformed)
		case errors.Is(err, errTooLong):
			return nil, end + 1, err
		case errors.Is(err, io.EOF):
			return nil, 0, io.EOF
		case err != nil:
			return nil, 0, &readError{err}
		}
		line, _ := table.FieldPos(0)
		end = line + strings.Count(strings.Join(cells, ""), "\n")
		return cells, line, nil
	}
	return func() (rec items.Record, line int, err error) {
		if header == nil {
			cells, line, err := row()
			if errors.Is(err, io.EOF) {
				return rec, 1, errors.New("the file is empty; its first line must name the columns: " + strings.Join(columns, ","))
			}
			if err == nil {
				header, err = readHeader(cells)
			}
			if err != nil {
				return rec, line, err
			}
		}
		cells, line, err := row()
		if err != nil {
			return rec, line, err
		}
		item, err := itemOf(header, cells)
		return items.Record{Item: &item}, line, err
	}
}

// malformedError says what is wrong with the quotation marks of a row, which is all that can be.
func malformedError(err *csv.ParseError) error {
	if errors.Is(err.Err, csv.ErrBareQuote) {
		return errors.New(`a quotation mark stands inside a value that is not quoted: write "say ""cheese""" for say "cheese"`)
	}
	return errors.New(`a quoted value does not end as it must: write "say ""cheese""" for say "cheese", and close every quotation mark`)
}

func readHeader(cells []string) ([]string, error) {
	var header []string
	for _, cell := range cells {
		name := strings.TrimSpace(cell)
		switch {
		case !slices.Contains(columns, name):
			return nil, fmt.Errorf("%.100q is not a column; the columns are %s, separated by commas", name, strings.Join(columns, ","))
		case slices.Contains(header, name):
			return nil, fmt.Errorf("the column %s is there twice", name)
		}
		header = append(header, name)
	}
	for _, name := range required {
		if !slices.Contains(header, name) {
			return nil, fmt.Errorf("the column %s is missing", name)
		}
	}
	return header, nil
}

// itemOf reads the item of a row. It is handed on as JSON, so that the rules are those of every other item.
func itemOf(header, cells []string) (items.Item, error) {
	object := []byte{'{'}
	for i, name := range header {
		if i > 0 {
			object = append(object, ',')
		}
		object = append(object, '"')
		object = append(object, name...)
		object = append(object, '"', ':')
		var err error
		if object, err = appendCell(object, name, cells[i]); err != nil {
			return items.Item{}, &items.ValidationError{Fields: []items.FieldError{{Field: name, Message: "is not text in UTF-8: save the file in that encoding"}}}
		}
	}
	return items.ParseItem(append(object, '}'))
}

// appendCell appends the value of a cell as JSON. A number that is none is left to the rules to refuse, as a string.
func appendCell(object []byte, column, cell string) ([]byte, error) {
	if column == "id" || column == "price" || column == "calories" {
		number := jsontext.Value(strings.TrimSpace(cell))
		switch {
		case len(number) == 0:
			return append(object, "null"...), nil
		case number.Kind() == jsontext.KindNumber && number.IsValid():
			return append(object, number...), nil
		}
	}
	return jsontext.AppendQuote(object, cell)
}

// csvInput is what the CSV reader reads. It does two things for it. It ends a row that is too long, which one quotation
// mark too many is enough for, before the whole file is in memory. And it doubles the carriage return of a line break
// inside quotation marks: the reader drops one, and a value would not come back as it was.
type csvInput struct {
	from     *bufio.Reader
	started  bool
	quoted   bool
	previous byte
	pending  bool // a line feed is to follow its second carriage return
	held     int  // bytes since the last row was asked for
}

// Read implements io.Reader.
func (in *csvInput) Read(p []byte) (n int, err error) {
	if !in.started {
		in.started = true
		if start, _ := in.from.Peek(len(byteOrderMark)); bytes.Equal(start, byteOrderMark) {
			_, _ = in.from.Discard(len(byteOrderMark)) // they are there
		}
	}
	for n < len(p) {
		if n > 0 && in.from.Buffered() == 0 {
			break // what is there is enough; more may take a while
		}
		b := byte('\n')
		if !in.pending {
			if b, err = in.from.ReadByte(); err != nil {
				return n, err
			}
		}
		switch {
		case b == '"':
			in.quoted = !in.quoted
		case b == '\n' && in.quoted && in.previous == '\r' && !in.pending:
			in.pending = true
			p[n] = '\r'
			n++
			continue
		}
		in.pending, in.previous = false, b
		p[n] = b
		n++
	}
	if in.held += n; in.held > maxRow {
		return 0, errTooLong
	}
	return n, nil
}

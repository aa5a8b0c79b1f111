package transfer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"menu-api/items"
)

// headings are those of a CSV file, in the order of the JSON.
func headings() []string {
	names := []string{"id"}
	for _, f := range items.Fields() {
		names = append(names, f.Name)
	}
	return names
}

func writeCSV(to io.Writer) (write func(items.Record) error, flush func() error) {
	table := csv.NewWriter(to)
	_ = table.Write(headings()) // a writer that failed once keeps failing, and flush returns the error
	write = func(rec items.Record) error {
		cells := []string{strconv.FormatInt(rec.Item.ID, 10)}
		for _, value := range rec.Item.Values() {
			cells = append(cells, cellOf(value))
		}
		return table.Write(cells)
	}
	flush = func() error {
		table.Flush()
		return table.Error()
	}
	return write, flush
}

func cellOf(value any) string {
	switch v := value.(type) {
	case *int64:
		if v == nil {
			return ""
		}
		value = *v
	case bool:
		if !v {
			return "" // absent, as in the JSON
		}
	}
	return fmt.Sprint(value)
}

// readCSV reads an item from each row below the header.
func readCSV(from io.Reader) source {
	rows := newRowReader(from, splitRow)
	var header []items.Field
	return func() (rec items.Record, line int, err error) {
		if header == nil {
			cells, line, err := readCells(rows)
			if errors.Is(err, io.EOF) {
				return rec, 1, errors.New("the file is empty; its first line must name the columns: " + strings.Join(headings(), ","))
			}
			if err == nil {
				header, err = readHeader(cells)
			}
			if err != nil {
				return rec, line, err
			}
		}
		cells, line, err := readCells(rows)
		switch {
		case err != nil:
			return rec, line, err
		case len(cells) != len(header):
			return rec, line, fmt.Errorf("%s, but the header has %s", amount(int64(len(cells)), "column"), amount(int64(len(header)), "column"))
		}
		item, err := itemOf(header, cells)
		return items.Record{Item: &item}, line, err
	}
}

// readCells reads the cells of the next row.
func readCells(rows *rowReader) (cells []string, line int, err error) {
	row, line, err := rows.read()
	if err != nil {
		return nil, line, err
	}
	// encoding/csv removes the carriage return of a line break inside a value. The value has to be read as it was written.
	row = bytes.ReplaceAll(bytes.TrimRight(row, "\r\n"), []byte("\r\n"), []byte("\r\r\n"))
	cells, err = csv.NewReader(bytes.NewReader(row)).Read()
	switch {
	case errors.Is(err, csv.ErrBareQuote):
		err = errors.New(`a quotation mark is inside a value that is not quoted: write "say ""cheese""" for say "cheese"`)
	case err != nil:
		err = errors.New(`a quoted value does not end correctly: write "say ""cheese""" for say "cheese", and close every quotation mark`)
	}
	return cells, line, err
}

// splitRow is a bufio.SplitFunc. A row ends at the first line break outside quotation marks.
func splitRow(data []byte, atEOF bool) (advance int, row []byte, err error) {
	quoted := false
	for i, b := range data {
		switch {
		case b == '"':
			quoted = !quoted
		case b == '\n' && !quoted:
			return i + 1, data[:i+1], nil
		}
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

func readHeader(cells []string) ([]items.Field, error) {
	known := append([]items.Field{{Name: "id", Optional: true}}, items.Fields()...)
	var header []items.Field
	for _, cell := range cells {
		name := strings.TrimSpace(cell)
		named := func(f items.Field) bool { return f.Name == name }
		i := slices.IndexFunc(known, named)
		switch {
		case i < 0:
			return nil, fmt.Errorf("%.100q is not a column; the columns are %s, separated by commas", name, strings.Join(headings(), ","))
		case slices.ContainsFunc(header, named):
			return nil, fmt.Errorf("the column %s appears twice", name)
		}
		header = append(header, known[i])
	}
	for _, f := range known {
		if !f.Optional && !slices.ContainsFunc(header, func(h items.Field) bool { return h.Name == f.Name }) {
			return nil, fmt.Errorf("the column %s is missing", f.Name)
		}
	}
	return header, nil
}

// itemOf reads the item of a row. It converts the cells to JSON, so that the rules are those of every other item.
func itemOf(header []items.Field, cells []string) (items.Item, error) {
	members := make(items.Object, len(header))
	for i, column := range header {
		value := jsontext.Value(strings.ToLower(strings.TrimSpace(cells[i]))) // spreadsheets write TRUE
		isPlain := slices.Contains([]jsontext.Kind{jsontext.KindNumber, jsontext.KindTrue, jsontext.KindFalse}, value.Kind())
		switch {
		case !column.IsText && len(value) == 0:
			value = jsontext.Value("null")
		case column.IsText || !isPlain || !value.IsValid():
			// A cell that is neither a number nor a boolean becomes a string, which the rules reject.
			var err error
			if value, err = jsontext.AppendQuote(nil, cells[i]); err != nil {
				return items.Item{}, &items.ValidationError{Fields: []items.FieldError{{Field: column.Name, Message: "is not text in UTF-8: save the file in that encoding"}}}
			}
		}
		members[i] = items.Member{Name: column.Name, Value: value}
	}
	return items.ParseItem(members)
}

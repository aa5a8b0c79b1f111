package transfer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
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

func writeCSV(to io.Writer, forSpreadsheet bool) (write func(items.Record) error, flush func() error) {
	table := csv.NewWriter(to)
	if forSpreadsheet {
		_, _ = io.WriteString(to, "\ufeff") // without the byte order mark, Excel does not read UTF-8
	}
	_ = table.Write(headings()) // a writer that failed once keeps failing, and flush returns the error
	write = func(rec items.Record) error {
		cells := []string{strconv.FormatInt(rec.Item.ID, 10)}
		for _, value := range rec.Item.Values() {
			cell := cellOf(value)
			// An import removes an apostrophe before a formula, so a value that has one gets another one in every file.
			if _, isText := value.(string); isText && formula.MatchString(cell) && (forSpreadsheet || cell[0] == '\'') {
				cell = "'" + cell
			}
			cells = append(cells, cell)
		}
		return table.Write(cells)
	}
	flush = func() error {
		table.Flush()
		return table.Error()
	}
	return write, flush
}

// formula matches text that a spreadsheet would take for a formula, with or without the apostrophes that keep it from doing so
// (https://owasp.org/www-community/attacks/CSV_Injection).
var formula = regexp.MustCompile("^'*(\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])")

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
func readCSV(rows *rowReader) source {
	var header []items.Field
	var separator rune // 0 before the first row
	// readCells returns the cells of the next row that is not empty. Spreadsheets also write rows of empty cells.
	readCells := func() (cells []string, line int, err error) {
		for strings.TrimSpace(strings.Join(cells, "")) == "" {
			var row []byte
			if row, line, err = rows.read(); err != nil {
				return nil, line, err
			}
			if separator == 0 {
				separator = separatorOf(row)
			}
			if cells, err = splitCells(row, separator); err != nil {
				return nil, line, err
			}
		}
		return cells, line, nil
	}
	return func() (rec items.Record, line int, err error) {
		row, line, err := readCells()
		if err == nil && header == nil {
			if header, err = readHeader(row); err == nil {
				row, line, err = readCells()
			}
		}
		switch {
		case errors.Is(err, io.EOF) && header == nil:
			return rec, 1, errors.New("the file is empty; its first line must name the columns: " + strings.Join(headings(), ","))
		case err != nil:
			return rec, line, err
		case len(row) != len(header):
			return rec, line, fmt.Errorf("%s, but the header has %s", amount(int64(len(row)), "column"), amount(int64(len(header)), "column"))
		}
		item, err := itemOf(header, row, separator != ',')
		return items.Record{Item: &item}, line, err
	}
}

// separatorOf returns the separator of a header. No name of a column contains one. Where numbers have a decimal comma, Excel
// writes semicolons. It writes tabs into its "Unicode text".
func separatorOf(header []byte) rune {
	for _, separator := range ";\t" {
		if bytes.ContainsRune(header, separator) && !bytes.ContainsRune(header, ',') {
			return separator
		}
	}
	return ','
}

func splitCells(row []byte, separator rune) ([]string, error) {
	// encoding/csv removes the carriage return of a line break inside a value. The value has to be read as it was written.
	row = bytes.ReplaceAll(bytes.TrimRight(row, "\r\n"), []byte("\r\n"), []byte("\r\r\n"))
	reader := csv.NewReader(bytes.NewReader(row))
	reader.Comma = separator
	cells, err := reader.Read()
	switch {
	case errors.Is(err, csv.ErrBareQuote):
		err = errors.New(`a quotation mark is inside a value that is not quoted: write "say ""cheese""" for say "cheese"`)
	case err != nil:
		err = errors.New(`a quoted value does not end correctly: write "say ""cheese""" for say "cheese", and close every quotation mark`)
	}
	return cells, err
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

var (
	// thousands matches a number that means a thousand times as much in some countries as in others.
	thousands    = regexp.MustCompile(`^-?(\d+)[.,](\d{3})$`)
	decimalComma = regexp.MustCompile(`^(-?\d+),(\d+)$`)
)

// itemOf reads the item of a row. It converts the cells to JSON, so that the rules are those of every other item. In a file
// without commas between its cells, numbers can have a decimal comma.
func itemOf(header []items.Field, cells []string, mayHaveComma bool) (items.Item, error) {
	members := items.Object{}
	for i, column := range header {
		text := cells[i]
		if formula.MatchString(text) {
			text = strings.TrimPrefix(text, "'") // see writeCSV
		}
		number := strings.ToLower(strings.TrimSpace(text)) // spreadsheets write TRUE
		if mayHaveComma && !column.IsText {
			if parts := thousands.FindStringSubmatch(number); parts != nil {
				return items.Item{}, fmt.Errorf("%s %s is ambiguous: write %s or %s", column.Name, number, trimZeros(parts[1]+"."+parts[2]), parts[1]+parts[2])
			}
			number = decimalComma.ReplaceAllString(number, "$1.$2")
		}
		value := jsontext.Value(number)
		isPlain := slices.Contains([]jsontext.Kind{jsontext.KindNumber, jsontext.KindTrue, jsontext.KindFalse}, value.Kind())
		switch {
		case !column.IsText && len(value) == 0:
			value = jsontext.Value("null")
		case column.IsText || !isPlain || !value.IsValid():
			// A cell that is neither a number nor a boolean becomes a string, which the rules reject.
			var err error
			if value, err = jsontext.AppendQuote(nil, text); err != nil {
				return items.Item{}, err // checkText has rejected other text than UTF-8
			}
		}
		members[column.Name] = value
	}
	return items.ParseItem(members)
}

func trimZeros(number string) string { return strings.TrimSuffix(strings.TrimRight(number, "0"), ".") }

package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// File is what an import reads.
type File struct {
	// Name begins the messages about the file.
	Name string
	// Format is the format, or "" if the content shows it.
	Format Format
	Reader io.Reader
	// Encoding is the encoding of the text, unless the file begins with a byte order mark. Nil means UTF-8.
	Encoding encoding.Encoding
	// MayBeEmpty lets a file without items replace the menu.
	MayBeEmpty bool

	isCopy bool // an export that is imported at the same time: no person sees its lines
}

// kinds are files that people mistake for a menu, with what to do instead.
var kinds = map[string]string{
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "is an Excel workbook: save it as CSV UTF-8 and import that file",
	"application/x-ole-storage":                                         "is an Office document: save it as CSV UTF-8 and import that file",
	"application/vnd.oasis.opendocument.spreadsheet":                    "is a LibreOffice workbook: save it as CSV UTF-8 and import that file",
	"application/zip":         "is a zip archive: unpack it and import the file in it",
	"application/gzip":        "is compressed: unpack it with gunzip and import the result",
	"application/pdf":         "is a PDF document: export the menu as CSV UTF-8 from the program that made it",
	"text/html":               "is a web page: download the file itself",
	"application/vnd.sqlite3": "is an SQLite database: use menu-api restore for a backup",
}

// open recognises the kind of the file, its encoding and its format, and returns a source of its records. It may wait for
// standard input.
func (f File) open() (source, error) {
	buffered := bufio.NewReaderSize(f.Reader, 64<<10)
	start, _ := buffered.Peek(3072) // as much as mimetype looks at
	isText := false
	detected := mimetype.Detect(start)
	for kind := detected; kind != nil; kind = kind.Parent() {
		name, _, _ := strings.Cut(kind.String(), ";")
		if advice, ok := kinds[name]; ok {
			return nil, errors.New(advice)
		}
		isText = isText || name == "text/plain"
	}
	if !isText && f.Encoding == nil {
		return nil, fmt.Errorf("is not a text file but %s: save the menu as CSV UTF-8 or JSON Lines", detected)
	}

	text, isDecoded := buffered, true
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")): // the byte order mark that some editors put before UTF-8 text
		_, _ = buffered.Discard(3) // they are in the buffer
		isDecoded = false
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		text = decoded(buffered, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM))
	case f.Encoding != nil:
		text = decoded(buffered, f.Encoding)
	default:
		isDecoded = false
	}
	start, _ = text.Peek(512)
	start = bytes.TrimSpace(start)
	switch {
	case bytes.HasPrefix(start, []byte("[")):
		return nil, errors.New("is a JSON array: write one item on each line, for example with jq -c '.[]'")
	case f.Format == JSONL, f.Format == "" && bytes.HasPrefix(start, []byte("{")):
		return readJSONL(newRowReader(text, bufio.ScanLines, isDecoded)), nil
	}
	return readCSV(newRowReader(text, splitRow, isDecoded)), nil
}

func decoded(from io.Reader, as encoding.Encoding) *bufio.Reader {
	return bufio.NewReaderSize(transform.NewReader(from, as.NewDecoder()), 64<<10)
}

// errUnreadable says that reading the file failed, regardless of its content.
var errUnreadable = errors.New("cannot be read")

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

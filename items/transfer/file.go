package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gabriel-vasile/mimetype"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"menu-api/items"
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

// read returns a source of the file's records. It reads the file when it is called: standard input may be waiting for a person.
func (f File) read() source {
	var next source
	return func() (rec items.Record, line int, err error) {
		if next == nil {
			if next, err = f.open(); err != nil {
				return rec, 0, err
			}
		}
		return next()
	}
}

// open recognises the kind of the file, its encoding and its format.
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

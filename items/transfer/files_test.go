package transfer_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"menu-api/items"
	"menu-api/items/transfer"
)

const crème = `{"item":{"id":1,"name":"Crème 寿","price":5.99,"description":"a, b","image":"","calories":1200}}` + "\n"

func encoded(tb testing.TB, as encoding.Encoding, text string) string {
	tb.Helper()
	result, err := as.NewEncoder().String(text)
	if err != nil {
		tb.Fatal(err)
	}
	return result
}

// TestImportOfSpreadsheets imports what spreadsheets write in other countries and with other encodings.
func TestImportOfSpreadsheets(t *testing.T) {
	t.Parallel()
	const (
		commas     = "name,price,description,image,calories\r\nCrème 寿,5.99,\"a, b\",,1200\r\n"
		semicolons = "name;price;description;image;calories\r\nCrème 寿;5,99;a, b;;1200\r\n"
		tabs       = "name\tprice\tdescription\timage\tcalories\r\nCrème 寿\t5,99\ta, b\t\t1200\r\n"
	)
	little, big := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	western := `{"item":{"id":1,"name":"Crème","price":5,"description":"","image":""}}` + "\n"
	const short = "name,price,description,image\nCrème,5,,\n"
	tests := map[string]struct {
		file, text string
		encoding   encoding.Encoding
		want       string
	}{
		"semicolons":                              {"menu.csv", semicolons, nil, crème},
		"semicolons and decimal points":           {"menu.csv", strings.Replace(semicolons, "5,99", "5.99", 1), nil, crème},
		"semicolons and quotes":                   {"menu.csv", strings.Replace(semicolons, "a, b", `"a, b"`, 1), nil, crème},
		"UTF-16, little-endian":                   {"menu.csv", encoded(t, little, commas), nil, crème},
		"UTF-16, big-endian, semicolons":          {"menu.csv", encoded(t, big, semicolons), nil, crème},
		"UTF-16 with tabs (Excel's Unicode text)": {"menu.csv", encoded(t, little, tabs), nil, crème},
		"JSON Lines in UTF-16":                    {"menu.jsonl", encoded(t, little, crème), nil, crème},
		"rows of empty cells":                     {"menu.csv", strings.Replace(commas, "\r\n", "\r\n,,,,\r\n , ,,,\r\n", 1) + ",,,,\r\n,,\r\n", nil, crème},
		"rows of empty cells, semicolons":         {"menu.csv", semicolons + ";;;;\r\n", nil, crème},
		"standard input, CSV":                     {"", commas, nil, crème},
		"standard input, JSON Lines":              {"", "\n " + crème, nil, crème},
		"standard input, UTF-16":                  {"", encoded(t, little, semicolons), nil, crème},
		"Windows-1252":                            {"menu.csv", encoded(t, charmap.Windows1252, short), charmap.Windows1252, western},
		"another Windows code page":               {"menu.csv", encoded(t, charmap.Windows1254, short), charmap.Windows1254, western},
		"Shift JIS":                               {"menu.csv", encoded(t, japanese.ShiftJIS, strings.Replace(commas, "è", "e", 1)), japanese.ShiftJIS, strings.Replace(crème, "è", "e", 1)},
		"a mark is more certain than an encoding": {"menu.csv", "\ufeff" + short, charmap.Windows1252, western},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := open(t)
			file := transfer.File{Name: "menu", Reader: strings.NewReader(test.text), Encoding: test.encoding}
			if test.file != "" {
				file.Format = transfer.FormatOf(test.file)
			}
			if _, err := transfer.Import(context.Background(), store, info, file, false); err != nil {
				t.Fatal(err)
			}
			if got, _ := export(t, store, transfer.JSONL, false); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestImportOfUncertainFiles checks that the import stops where the meaning is not certain, and says what to do.
func TestImportOfUncertainFiles(t *testing.T) {
	t.Parallel()
	const notUTF8 = "is not text in UTF-8: save the file as CSV UTF-8, or name its encoding, such as --encoding windows-1252"
	tests := map[string]struct {
		text     string
		encoding encoding.Encoding
		want     string
	}{
		"Windows-1252":                      {head + ",A,1,,\n,Br\xfchl,1,,\n", nil, "menu line 3: this " + notUTF8},
		"Windows-1252 in a value of lines":  {head + ",\"A\nBr\xfchl\",1,,\n", nil, "menu line 3: this " + notUTF8},
		"Windows-1252 in JSON Lines":        {soup + `{"item":{"name":"Br` + "\xfc" + `hl"}}`, nil, "menu line 2: this " + notUTF8},
		"Windows-1252 in the header":        {"id,nam\xe9\n", nil, "menu line 1: this " + notUTF8},
		"another encoding than named":       {head + ",\x83\xff,1,,\n", japanese.ShiftJIS, "menu line 2: this has bytes that the encoding does not have: name another one in --encoding"},
		"a damaged UTF-16 file":             {encoded(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), head) + "\x00\xd8\n\x00", nil, "menu line 2: this has bytes that the encoding does not have: name another one in --encoding"},
		"a thousand or one, with a comma":   {"name;price;description;image\nA;1,000;;\n", nil, "menu line 2: price 1,000 is ambiguous: write 1 or 1000"},
		"a thousand or one, with a point":   {"name;price;description;image;calories\nA;1;;;1.200\n", nil, "menu line 2: calories 1.200 is ambiguous: write 1.2 or 1200"},
		"a thousands separator and a comma": {"name;price;description;image\nA;1.000,50;;\n", nil, "menu line 2: price must be a number from 0 to 1,000,000 with at most two decimals"},
		"a decimal comma among commas":      {"name,price,description,image\nA,\"5,99\",,\n", nil, "menu line 2: price must be a number from 0 to 1,000,000 with at most two decimals"},
		"an id beyond JavaScript":           {head + "9007199254740992,A,1,,\n", nil, "menu line 2: id must be at most 9007199254740991: JavaScript cannot represent a larger one exactly"},
		"an id beyond JavaScript, in JSON":  {`{"id":9007199254740993,"name":"A","price":1,"description":"","image":""}`, nil, "menu line 1: id must be at most 9007199254740991: JavaScript cannot represent a larger one exactly"},
		"a change of such an id": {
			`{"change":{"id":9007199254740992,"version":1,"action":"create","by":"a","at":"2026-02-28T22:59:59.123Z","before":null,"after":{"id":9007199254740992,"name":"A","price":1,"description":"","image":""}}}`,
			nil, "menu line 1: id must be at most 9007199254740991: JavaScript cannot represent a larger one exactly",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := open(t)
			file := transfer.File{Name: "menu", Reader: strings.NewReader(test.text), Encoding: test.encoding}
			if _, err := transfer.Import(context.Background(), store, info, file, false); err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if menu, err := store.List(context.Background(), items.Query{}); err != nil || len(menu) != 0 {
				t.Errorf("got %v, %v, want no items", menu, err)
			}
		})
	}
	file := transfer.File{Name: "menu", Reader: strings.NewReader(head + "9007199254740991,A,1,,\n")}
	if _, err := transfer.Import(context.Background(), open(t), info, file, false); err != nil {
		t.Errorf("got %v for the largest id that JavaScript can represent", err)
	}
}

// zipped returns a zip archive of empty files, with a first file that is not compressed.
func zipped(tb testing.TB, first, content string, names ...string) string {
	tb.Helper()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	w, err := archive.CreateHeader(&zip.FileHeader{Name: first, Method: zip.Store})
	if err == nil {
		_, err = w.Write([]byte(content))
	}
	for _, name := range names {
		if err == nil {
			_, err = archive.Create(name)
		}
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return out.String()
}

// TestImportOfOtherFiles checks that the message says which kind of file it is and what to do.
func TestImportOfOtherFiles(t *testing.T) {
	t.Parallel()
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, _ = w.Write([]byte(head))
	_ = w.Close()
	tests := map[string]struct{ text, want string }{
		"an Excel workbook":      {zipped(t, "[Content_Types].xml", "<Types/>", "_rels/.rels", "xl/workbook.xml"), "is an Excel workbook: save it as CSV UTF-8 and import that file"},
		"an old Excel workbook":  {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 504) + "\x09\x08\x10\x00\x00\x06\x05\x00", "is an Office document: save it as CSV UTF-8 and import that file"},
		"a LibreOffice workbook": {zipped(t, "mimetype", "application/vnd.oasis.opendocument.spreadsheet"), "is a LibreOffice workbook: save it as CSV UTF-8 and import that file"},
		"a zip archive":          {zipped(t, "menu.csv", head), "is a zip archive: unpack it and import the file in it"},
		"a compressed file":      {compressed.String(), "is compressed: unpack it with gunzip and import the result"},
		"a PDF":                  {"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "is a PDF document: export the menu as CSV UTF-8 from the program that made it"},
		"a web page":             {"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "is a web page: download the file itself"},
		"an SQLite database":     {"SQLite format 3\x00\x10\x00\x01\x01\x00", "is an SQLite database: use menu-api restore for a backup"},
		"a JSON array":           {" [\n{\"name\":\"A\"}]", "is a JSON array: write one item on each line, for example with jq -c '.[]'"},
		"an image":               {"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "is not a text file but image/png: save the menu as CSV UTF-8 or JSON Lines"},
		"unknown bytes":          {"\x00\x01\x02\x03", "is not a text file but application/octet-stream: save the menu as CSV UTF-8 or JSON Lines"},
	}
	for name, test := range tests {
		for _, format := range []transfer.Format{"", transfer.CSV, transfer.JSONL} {
			t.Run(name+" "+string(format), func(t *testing.T) {
				t.Parallel()
				file := transfer.File{Name: "menu", Format: format, Reader: strings.NewReader(test.text)}
				if _, err := transfer.Import(context.Background(), open(t), info, file, true); err == nil || err.Error() != "menu "+test.want {
					t.Errorf("got  %v\nwant menu %s", err, test.want)
				}
			})
		}
	}
}

// TestExportForSpreadsheets checks that no cell of text begins a formula, and that an import reads the same menu from the file.
// It checks the plain format too: there, values that look neutralised must not change.
func TestExportForSpreadsheets(t *testing.T) {
	t.Parallel()
	store := open(t)
	fill(t, store)
	for _, start := range []string{
		"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1", "'=1", "''=1", "' =1", "'\uff0b1", "'\t1", "'", "'n Soup",
	} {
		for _, end := range []string{"", "'", `"`, ","} {
			item := items.Item{Name: strings.TrimSpace(start + end), Description: start + end, Tagline: start + end, Category: start + end}
			if _, err := store.Create(context.Background(), info, item); err != nil {
				t.Fatal(err)
			}
		}
	}
	want, _ := export(t, store, transfer.JSONL, false)
	for _, format := range []transfer.Format{transfer.CSV, transfer.Spreadsheet} {
		file, _ := export(t, store, format, false)
		other := open(t)
		if _, err := load(other, "menu.csv", file, false); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		if got, _ := export(t, other, transfer.JSONL, false); got != want {
			t.Errorf("%s: got %s, want %s", format, got, want)
		}
		if format == transfer.CSV {
			continue
		}
		if !strings.HasPrefix(file, "\ufeffid,") {
			t.Errorf("got %.20q, want a byte order mark, so that Excel reads UTF-8", file)
		}
		rows, err := csv.NewReader(strings.NewReader(strings.ReplaceAll(file, "\r\n", "\n"))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if strings.IndexAny(strings.TrimSpace(cell), "=+-@\uff1d") == 0 {
					t.Errorf("got the formula %q", cell)
				}
			}
		}
	}
}

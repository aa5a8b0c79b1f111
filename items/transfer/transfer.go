// Package transfer moves a menu between a store and a file that people and other programs can read and write, and from
// one store into another. It streams: its memory does not grow with the menu.
package transfer

import (
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"

	"menu-api/items"
)

// Format is the format of a file.
type Format string

// The formats.
const (
	// JSONL is JSON Lines: a line for each item, {"item":{...}}, and then one for each change, {"change":{...}}.
	JSONL Format = "jsonl"
	// CSV is RFC 4180: a table of the items, with the names of the columns in its first row, without their history. A
	// spreadsheet takes a value that begins with an equals sign for a formula.
	CSV Format = "csv"
	// Spreadsheet is CSV for a spreadsheet: an apostrophe keeps text from being a formula. An import removes it.
	Spreadsheet Format = "spreadsheet"
)

// FormatOf returns the format for the name of a file, or "" if the name does not say.
func FormatOf(file string) Format {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".csv":
		return CSV
	case ".jsonl", ".ndjson", ".json":
		return JSONL
	}
	return ""
}

// Count is how many records were moved.
type Count struct{ Items, Changes int64 } //nolint:recvcheck // it is printed by value

// add counts a record and reports the count, unless moved is nil.
func (c *Count) add(rec items.Record, moved func(Count)) {
	if rec.Item != nil {
		c.Items++
	}
	if rec.Change != nil {
		c.Changes++
	}
	if moved != nil {
		moved(*c)
	}
}

// String returns for example "1,000,000 items and 1 change", or "3 items" without changes.
func (c Count) String() string {
	if c.Changes == 0 {
		return amount(c.Items, "item")
	}
	return amount(c.Items, "item") + " and " + amount(c.Changes, "change")
}

func amount(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return humanize.Comma(n) + " " + what
}

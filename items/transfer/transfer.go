// Package transfer moves a menu between a store and a file that people and other programs can read and write, and from
// one store into another. It streams: what it holds in memory does not grow with the menu.
package transfer

import (
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"

	"menu-api/items"
)

// Format is how a file holds a menu.
type Format string

// The formats.
const (
	// JSONL is JSON Lines: a line for each item, {"item":{...}}, and then one for each change, {"change":{...}}.
	JSONL Format = "jsonl"
	// CSV is RFC 4180: a table of the items, with the names of the columns in its first row, and without their history.
	// Values are written as they are, so that they come back as they were. One that begins with an equals sign is a
	// formula for a spreadsheet: who opens the menu of people he does not trust imports it there as text.
	CSV Format = "csv"
)

// FormatOf returns the format that is usual for the file's name: CSV for .csv, JSON Lines for all others.
func FormatOf(file string) Format {
	if strings.EqualFold(filepath.Ext(file), ".csv") {
		return CSV
	}
	return JSONL
}

// Count is how much was moved.
type Count struct{ Items, Changes int64 } //nolint:recvcheck // it is printed by value

func (c *Count) add(rec items.Record) {
	if rec.Item != nil {
		c.Items++
	}
	if rec.Change != nil {
		c.Changes++
	}
}

// String is such as "1,000,000 items and 1 change", or "3 items" where no change was moved.
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

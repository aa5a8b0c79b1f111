package transfer

import (
	"fmt"
	"io"

	"github.com/go-json-experiment/json"

	"menu-api/items"
)

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

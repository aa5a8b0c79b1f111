package transfer

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strconv"

	"github.com/go-json-experiment/json"

	"menu-api/items"
)

// Export writes the menu of one moment, and its history if that is asked for and the format has a place for it. It calls
// moved, which may be nil, after every record.
//
// Without its history an item is written without its version, so that it can be imported as a new one.
func Export(ctx context.Context, from items.Store, to io.Writer, format Format, history bool, moved func(Count)) (Count, error) {
	buffer := bufio.NewWriterSize(to, 64<<10)
	write, flush := writeJSONL(buffer, history), func() error { return nil }
	if format == CSV {
		history = false
		write, flush = writeCSV(buffer)
	}
	var count Count
	err := from.Export(ctx, history, func(rec items.Record) error {
		if err := write(rec); err != nil {
			return err
		}
		count.add(rec)
		if moved != nil {
			moved(count)
		}
		return nil
	})
	if err == nil {
		err = errors.Join(flush(), buffer.Flush())
	}
	return count, err
}

// versioned is an item with its version, which other JSON of items does not have.
type versioned struct {
	items.Item

	Version int64 `json:"version,omitzero"`
}

func writeJSONL(to *bufio.Writer, history bool) func(items.Record) error {
	return func(rec items.Record) error {
		var line any
		switch {
		case rec.Change != nil:
			line = struct {
				Change *items.Change `json:"change"`
			}{rec.Change}
		default:
			item := versioned{Item: *rec.Item}
			if history {
				item.Version = item.Item.Version
			}
			line = struct {
				Item versioned `json:"item"`
			}{item}
		}
		if err := json.MarshalWrite(to, line); err != nil {
			return err
		}
		return to.WriteByte('\n')
	}
}

// columns are those of a CSV file, in the order of the JSON.
var columns = []string{"id", "name", "price", "description", "image", "tagline", "category", "calories"}

func writeCSV(to io.Writer) (write func(items.Record) error, flush func() error) {
	table := csv.NewWriter(to)
	_ = table.Write(columns) // a writer that fails once goes on failing: flush tells
	write = func(rec items.Record) error {
		i := rec.Item
		calories := ""
		if i.Calories != nil {
			calories = strconv.FormatInt(*i.Calories, 10)
		}
		return table.Write([]string{
			strconv.FormatInt(i.ID, 10), i.Name, i.Price.String(), i.Description, i.Image, i.Tagline, i.Category, calories,
		})
	}
	flush = func() error {
		table.Flush()
		return table.Error()
	}
	return write, flush
}

package items_test

import (
	"errors"
	"testing"
	"time"

	"menu-api/items"
)

// The JSON of a time leaves zeros out, so one moment in ten has fewer than three decimals.
func TestParseRecordReadsEveryTime(t *testing.T) {
	t.Parallel()
	line := func(at string) []byte {
		return []byte(`{"change":{"id":1,"version":2,"action":"delete","by":"a","at":"` + at + `",` +
			`"before":{"id":1,"name":"A","price":1,"description":"","image":""},"after":null}}`)
	}
	for at, want := range map[string]int{
		"2026-02-28T22:59:59Z": 0, "2026-02-28T22:59:59.1Z": 100, "2026-02-28T22:59:59.12Z": 120, "2026-02-28T22:59:59.123Z": 123,
	} {
		rec, err := items.ParseRecord(line(at))
		if err != nil || !rec.Change.At.Equal(time.Date(2026, 2, 28, 22, 59, 59, want*1e6, time.UTC)) || rec.Change.Before.Version != 1 {
			t.Errorf("%s: got %+v, %v", at, rec.Change, err)
		}
	}
	for _, at := range []string{"", "2026-02-28", "2026-02-29T00:00:00Z", "2026-02-28T22:59:59.1234Z", "2026-02-28T22:59:59+01:00"} {
		if _, err := items.ParseRecord(line(at)); err == nil {
			t.Errorf("%s: got no error", at)
		}
	}
}

func TestParseRecordReadsItems(t *testing.T) {
	t.Parallel()
	const rest = `"name":" A ","price":5.99,"description":"","image":""`
	for line, want := range map[string]items.Item{
		`{` + rest + `}`:                                {Name: "A", Price: 599},
		`{"item":{"id":7,` + rest + `}}`:                {ID: 7, Name: "A", Price: 599},
		`{"item":{"id":7,"version":3,` + rest + `}}`:    {ID: 7, Name: "A", Price: 599, Version: 3},
		`{"id":null,"version":null,` + rest + `}`:       {Name: "A", Price: 599},
		`{"category":"","calories":null,` + rest + `} `: {Name: "A", Price: 599},
	} {
		got, err := items.ParseRecord([]byte(line))
		if err != nil || got.Change != nil || *got.Item != want {
			t.Errorf("%s: got %+v, %v, want %+v", line, got, err, want)
		}
	}
	for line, want := range map[string]string{
		``:                                      "The line is empty. Send an item as JSON: {\"item\":{...}}.",
		`{"item":[]}`:                           "The line is not valid. See errors for each invalid field.; item must be an object",
		`{"id":-1,` + rest + `}`:                "The line is not valid. See errors for each invalid field.; id must be a positive integer",
		`{"id":1,"version":1.5,` + rest + `}`:   "The line is not valid. See errors for each invalid field.; version must be a positive integer",
		`{"more":1,"item":{` + rest + `}}`:      "The line is not valid. See errors for each invalid field.; more is not a field of a line",
		`{"change":{}, "item":{` + rest + `}}`:  "",
		`{"id":1,"versions":1.5,` + rest + `}`:  "The line is not valid. See errors for each invalid field.; versions is not a field of an item",
		`{"id":1e99,"version":1,` + rest + `} `: "The line is not valid. See errors for each invalid field.; id must be a positive integer",
	} {
		_, err := items.ParseRecord([]byte(line))
		var invalid *items.ValidationError
		if !errors.As(err, &invalid) || want != "" && err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", line, err, want)
		}
	}
}

package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/sqlite"
	"menu-api/items/sqlite/sqlitetest"
	"menu-api/items/transfer"
)

var info = items.AuditInfo{By: "tester", At: time.Date(2026, 2, 28, 22, 59, 59, 123e6, time.UTC)}

func open(tb testing.TB) items.Store {
	tb.Helper()
	store, err := sqlite.Open(context.Background(), sqlitetest.NewFile(tb))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	return store
}

// fill makes a history with every action, of values that are hard on a file format.
func fill(tb testing.TB, store items.Store) {
	tb.Helper()
	ctx, calories, position := context.Background(), int64(0), int64(1_000_000_000_000)
	for _, item := range []items.Item{
		{Name: `"Crème", brûlée`, Price: 599, Description: "one\ntwo\r\nthree, \"four\"", Image: "https://example.com/a.png", Calories: &calories, SoldOut: true, Position: &position},
		{Name: "寿司 🍣", Price: 100_000_000, Description: " spaces ", Tagline: "=1+1", Category: "日本"},
		{Name: "Gone"},
		{Name: "Back", Description: "\\.\u2028<&>"},
	} {
		if _, err := store.Create(ctx, info, item); err != nil {
			tb.Fatal(err)
		}
	}
	_, err := store.Update(ctx, info, 1, func(item items.Item) (items.Item, error) { item.Price = 1; return item, nil })
	for _, id := range []int64{3, 4} {
		_, failed := store.Delete(ctx, info, id, func(items.Item) error { return nil })
		err = errors.Join(err, failed)
	}
	named := info
	named.Name, named.Batch = `Charlie "Chef"`, "b1"
	_, failed := store.Restore(ctx, named, 4)
	if err = errors.Join(err, failed); err != nil {
		tb.Fatal(err)
	}
}

func export(tb testing.TB, store items.Store, format transfer.Format, history bool) (text, count string) {
	tb.Helper()
	var out bytes.Buffer
	n, err := transfer.Export(context.Background(), store, &out, format, history, nil)
	if err != nil {
		tb.Fatalf("Export: %v", err)
	}
	return out.String(), n.String()
}

func load(store items.Store, name, text string, replace bool) (string, error) {
	file := transfer.File{Name: name, Format: transfer.FormatOf(name), Reader: strings.NewReader(text)}
	n, err := transfer.Import(context.Background(), store, info, file, replace)
	return n.String(), err
}

func TestTransferKeepsEverything(t *testing.T) {
	t.Parallel()
	store := open(t)
	fill(t, store)
	tests := map[string]struct {
		file    string
		history bool
		want    string
	}{
		"JSON Lines with history":    {"menu.jsonl", true, "3 items and 8 changes"},
		"JSON Lines without history": {"menu.jsonl", false, "3 items"},
		"CSV":                        {"menu.csv", false, "3 items"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			format := transfer.FormatOf(test.file)
			text, count := export(t, store, format, test.history)
			if count != test.want {
				t.Errorf("exported %s, want %s", count, test.want)
			}
			for _, before := range []string{"", "\xef\xbb\xbf"} {
				other := open(t)
				if count, err := load(other, test.file, before+text, false); err != nil || count != test.want {
					t.Fatalf("imported %s, %v, want %s", count, err, test.want)
				}
				if got, _ := export(t, other, format, test.history); got != text {
					t.Errorf("got\n%s\nwant\n%s", got, text)
				}
			}
		})
	}
}

func TestTransferCopies(t *testing.T) {
	t.Parallel()
	from, to := open(t), open(t)
	fill(t, from)
	calls := 0
	count, err := transfer.Copy(context.Background(), from, to, info, false, func(transfer.Count) { calls++ })
	if err != nil || count != (transfer.Count{Items: 3, Changes: 8}) || calls != 11 {
		t.Errorf("got %v, %v and %d calls, want 3 items, 8 changes and 11 calls", count, err, calls)
	}
	want, _ := export(t, from, transfer.JSONL, true)
	if got, _ := export(t, to, transfer.JSONL, true); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, err := transfer.Copy(context.Background(), from, to, info, false, nil); !errors.Is(err, items.ErrExists) {
		t.Errorf("a second time: got %v, want %v", err, items.ErrExists)
	}
}

// exported is a store whose export has these records.
type exported struct {
	items.Store

	records []items.Record
}

func (s exported) Export(_ context.Context, _ bool, yield func(items.Record) error) error {
	for _, rec := range s.records {
		if err := yield(rec); err != nil {
			return err
		}
	}
	return nil
}

// Another program may have changed the database that is copied.
func TestTransferRejectsInvalidCopies(t *testing.T) {
	t.Parallel()
	good := items.Item{ID: 7, Name: "Soup", Price: 450, Version: 1}
	changed := func(change func(*items.Item)) items.Record {
		item := good
		change(&item)
		return items.Record{Item: &item}
	}
	unknown := items.Change{ItemID: 7, Version: 1, Action: "eaten", By: "x", At: info.At, After: &good}
	for name, test := range map[string]struct {
		bad  items.Record
		want string
	}{
		"negative price": {changed(func(i *items.Item) { i.Price = -1 }), "item 7 is not valid: item.price must be"},
		"no name":        {changed(func(i *items.Item) { i.Name = "" }), "item 7 is not valid: item.name"},
		"invalid UTF-8":  {changed(func(i *items.Item) { i.Name = "a\xff" }), "item 7 is not valid: "},
		"image":          {changed(func(i *items.Item) { i.Image = "javascript:x" }), "item 7 is not valid: item.image"},
		"long text":      {changed(func(i *items.Item) { i.Tagline = strings.Repeat("x", 201) }), "item 7 is not valid: item.tagline"},
		"unknown action": {items.Record{Change: &unknown}, "version 1 of item 7 is not valid: change.action must be"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := open(t)
			from := exported{to, []items.Record{{Item: &good}, test.bad}}
			_, err := transfer.Copy(context.Background(), from, to, info, false, nil)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s...", err, test.want)
			}
			if text, _ := export(t, to, transfer.JSONL, true); text != "" {
				t.Errorf("the failed copy has left %s", text)
			}
		})
	}
}

// Spreadsheets reorder columns, and people leave out what they do not know.
func TestImportOfPeople(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ file, text, want string }{
		"columns in another order": {
			"menu.csv", "price,image,name,description\r\n5.990,,Soup,Warm\r\n",
			`{"item":{"id":1,"name":"Soup","price":5.99,"description":"Warm","image":""}}` + "\n",
		},
		"a bare item, and blank lines": {
			"menu.jsonl", "\n" + `{"name":"Soup","price":1,"description":"","image":""}` + "\n\n",
			`{"item":{"id":1,"name":"Soup","price":1,"description":"","image":""}}` + "\n",
		},
		"an id": {
			"menu.csv", "id,name,price,description,image,calories\n7,Soup,0,Warm,,0",
			`{"item":{"id":7,"name":"Soup","price":0,"description":"Warm","image":"","calories":0}}` + "\n",
		},
		"a header alone": {"menu.csv", "name,price,description,image\n", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := open(t)
			if _, err := load(store, test.file, test.text, false); err != nil {
				t.Fatal(err)
			}
			if got, _ := export(t, store, transfer.JSONL, false); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

const (
	head   = "id,name,price,description,image\n"
	soup   = `{"item":{"name":"Soup","price":1,"description":"","image":""}}` + "\n"
	exists = "this id is or was on the menu, or is in the file twice: leave the id out to add a new item, " +
		"or import with --replace to remove what is there"
)

// Every message names the line as a person sees it, and none of the file is kept.
func TestImportOfBadFiles(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ file, text, want string }{
		"a price": {
			"menu.csv", head + ",A,1,\"1\n2\n3\",\n,B,1,,\n,C,1.999,,\n",
			"menu.csv line 6: price must be a number from 0 to 1,000,000 with at most two decimals",
		},
		"all fields of a row": {"menu.csv", head + "0,,x,,ftp://a\n,,,,\n", "menu.csv line 2: id must be a positive integer; name must not be empty; " +
			"price must be a number from 0 to 1,000,000 with at most two decimals; image must be an absolute http or https URL, or empty"},
		"an unknown column": {
			"menu.csv", "name,prize\n",
			`menu.csv line 1: "prize" is not a column; the columns are id,name,price,description,image,tagline,category,calories,soldOut,position, separated by commas`,
		},
		"a missing column": {"menu.csv", "name,price,image\n", "menu.csv line 1: the column description is missing"},
		"a column twice":   {"menu.csv", "name,name\n", "menu.csv line 1: the column name appears twice"},
		"an empty file": {
			"menu.csv", "",
			"menu.csv line 1: the file is empty; its first line must name the columns: id,name,price,description,image,tagline,category,calories,soldOut,position",
		},
		"a short row": {"menu.csv", head + ",A,1,,\n,B\n", "menu.csv line 3: 2 columns, but the header has 5 columns"},
		"a bare quotation mark": {
			"menu.csv", head + ",A \"B\",1,,\n",
			`menu.csv line 2: a quotation mark is inside a value that is not quoted: write "say ""cheese""" for say "cheese"`,
		},
		"an open quotation mark": {
			"menu.csv", head + ",\"A,1,,\n,B,1,,\n",
			`menu.csv line 2: a quoted value does not end correctly: write "say ""cheese""" for say "cheese", and close every quotation mark`,
		},
		"a row without end":   {"menu.csv", head + ",\"" + strings.Repeat("x", 3<<20), "menu.csv line 2: this is longer than a megabyte, which no item is: is a quotation mark or a line break missing?"},
		"an id twice":         {"menu.csv", head + "7,A,1,,\n8,B,1,,\n7,C,1,,\n", "menu.csv line 4: " + exists},
		"an id that is there": {"menu.csv", head + ",A,1,,\n1,B,1,,\n", "menu.csv line 3: " + exists},
		"an id that was there, far down": {
			"menu.csv", head + strings.Repeat(",\"A\nB\",1,,\n", 3000) + "3,B,1,,\n",
			"menu.csv line 6002: " + exists,
		},
		"a line that is cut":  {"menu.jsonl", soup + `{"item":{"name"`, "menu.jsonl line 2: the line is not valid JSON: it ends too early"},
		"no object":           {"menu.jsonl", soup + "\n[]", `menu.jsonl line 3: the line is not a JSON object. Send an item as {"item":{...}}`},
		"two objects":         {"menu.jsonl", "{} {}", "menu.jsonl line 1: the line has trailing data after its JSON object"},
		"an unknown member":   {"menu.jsonl", `{"item":{"name":"A","price":1,"description":"","image":"","prize":2}}`, "menu.jsonl line 1: item.prize is not a field of an item"},
		"a member twice":      {"menu.jsonl", `{"item":{"name":"A","name":"B"}}`, "menu.jsonl line 1: item.name appears more than once"},
		"a version alone":     {"menu.jsonl", `{"name":"A","price":1,"description":"","image":"","version":2}`, "menu.jsonl line 1: version needs an id: add the id, or omit the version"},
		"an item too late":    {"menu.jsonl", `{"change":{"id":9,"version":1,"action":"create","by":"a","at":"2026-02-28T22:59:59.123Z","before":null,"after":{"id":9,"name":"A","price":1,"description":"","image":""}}}` + "\n" + soup, "menu.jsonl line 2: an item comes after a change: put all items first"},
		"a change of nothing": {"menu.jsonl", `{"change":{"id":9,"version":1,"action":"creates","at":"yesterday"}}`, "menu.jsonl line 1: change.action must be create, update, delete or restore; change.by is required; change.at must be a time in UTC such as 2026-02-28T22:59:59.123Z"},
		"no history": {
			"menu.jsonl", `{"id":9,"name":"A","price":1,"description":"","image":"","version":2}`,
			`menu.jsonl: item 9: the history does not fit the items: export with history, or remove "version" from the items to begin a new history`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := open(t)
			fill(t, store)
			before, _ := export(t, store, transfer.JSONL, true)
			_, err := load(store, test.file, test.text, false)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if after, _ := export(t, store, transfer.JSONL, true); after != before {
				t.Errorf("got\n%s\nwant the menu as it was:\n%s", after, before)
			}
		})
	}
}

func TestImportReplaces(t *testing.T) {
	t.Parallel()
	store := open(t)
	fill(t, store)
	if _, err := load(store, "none.csv", head, true); err == nil || !strings.Contains(err.Error(), "none.csv contains no items") {
		t.Errorf("got %v, want a refusal to remove everything", err)
	}
	if count, err := load(store, "menu.csv", head+"3,New,1,,\n", true); err != nil || count != "1 item" {
		t.Errorf("got %s, %v, want 1 item", count, err)
	}
	menu, err := store.List(context.Background(), items.Query{})
	if err != nil || len(menu) != 1 || menu[0].ID != 3 || menu[0].Version != 1 {
		t.Errorf("got %+v, %v, want the new item alone", menu, err)
	}
	if _, err := load(store, "menu.csv", head+"3,A,1,,\n3,B,1,,\n", true); err == nil || !strings.Contains(err.Error(), "menu.csv line 3: this id") {
		t.Errorf("got %v, want line 3", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestTransferTellsOfBrokenFiles(t *testing.T) {
	t.Parallel()
	store, broken := open(t), errors.New("the disk is gone")
	fill(t, store)
	for _, format := range []transfer.Format{transfer.JSONL, transfer.CSV} {
		_, err := transfer.Export(context.Background(), store, failing{broken}, format, true, nil)
		if !errors.Is(err, broken) {
			t.Errorf("Export %s: got %v, want %v", format, err, broken)
		}
		file := transfer.File{Name: "menu", Format: format, Reader: failing{broken}}
		_, err = transfer.Import(context.Background(), store, info, file, false)
		if want := fmt.Sprintf("menu cannot be read: %v", broken); err == nil || err.Error() != want {
			t.Errorf("Import %s: got %v, want %s", format, err, want)
		}
	}
}

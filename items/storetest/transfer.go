package storetest

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"menu-api/items"
)

func mustExport(tb testing.TB, store items.Store) []items.Record {
	tb.Helper()
	var records []items.Record
	err := store.Export(context.Background(), true, func(rec items.Record) error {
		records = append(records, rec)
		return nil
	})
	if err != nil {
		tb.Fatalf("Export: %v", err)
	}
	return records
}

// from returns the records one by one.
func from(records []items.Record) func() (items.Record, error) {
	return func() (items.Record, error) {
		if len(records) == 0 {
			return items.Record{}, io.EOF
		}
		first := records[0]
		records = records[1:]
		return first, nil
	}
}

// MustImport imports n copies of the item, which get new ids.
func MustImport(tb testing.TB, store items.Store, n int, item items.Item) {
	tb.Helper()
	if err := store.Import(context.Background(), info, false, from(itemRecords(slices.Repeat([]items.Item{item}, n)...))); err != nil {
		tb.Fatal(err)
	}
}

func itemRecords(menu ...items.Item) (records []items.Record) {
	for _, item := range menu {
		records = append(records, items.Record{Item: &item})
	}
	return records
}

func testMove(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	mustCreate(t, store, soup())
	mustRename(t, store, 1, "Broth")
	mustCreate(t, store, items.Item{Name: "Gone"})
	mustDelete(t, store, 2)
	mustCreate(t, store, items.Item{Name: "Back"})
	mustDelete(t, store, 3)
	if _, err := store.Restore(context.Background(), info, 3); err != nil {
		t.Fatal(err)
	}
	if _, err := store.UpdateMany(context.Background(), bulk("b"), []int64{1, 3}, nil, raise); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, store, items.Item{Name: "Last, and gone"})
	mustDelete(t, store, 4)
	records := mustExport(t, store)

	moved := mustOpen(t, engine)
	if err := moved.Import(context.Background(), info, false, from(records)); err != nil {
		t.Fatalf("Import: %v", err)
	}
	assertEqual(t, mustExport(t, moved), records)
	assertEqual(t, mustList(t, moved), mustList(t, store))
	assertEqual(t, mustQuery(t, moved, items.Query{Words: []string{"broth"}}), mustQuery(t, store, items.Query{Words: []string{"broth"}}))
	if restored, err := moved.Restore(context.Background(), info, 2); err != nil || restored.Name != "Gone" || restored.Version != 3 {
		t.Errorf("got %+v, %v, want the item restored from its history", restored, err)
	}
	if next := mustCreate(t, moved, soup()); next.ID != 5 {
		t.Errorf("got id %d, want 5: those of deleted items are not given out again", next.ID)
	}
	if err := moved.Seed(context.Background(), info, items.DefaultMenu()); err != nil {
		t.Fatal(err)
	}
	if menu := mustList(t, moved); len(menu) != 4 {
		t.Errorf("got %d items, want 4: an imported menu is not seeded", len(menu))
	}
	changes := mustChanges(t, moved, 0, 100)
	if len(changes) != 3 || changes[0].ItemID != 0 || changes[0].Action != items.Imported {
		t.Errorf("got %+v, want a feed that tells of the import as one change", changes)
	}
}

func testImportNew(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	mustCreate(t, store, soup())
	nine := items.Item{ID: 9, Name: "Nine"}
	if err := store.Import(context.Background(), info, false, from(itemRecords(items.Item{Name: "New"}, nine, items.Item{Name: "Newer"}))); err != nil {
		t.Fatalf("Import: %v", err)
	}
	menu := mustList(t, store)
	assertEqual(t, len(menu), 4)
	seen := map[int64]bool{}
	for _, item := range menu {
		seen[item.ID] = true
		changes := mustHistory(t, store, item.ID)
		if len(changes) != 1 || changes[0].Action != items.Created || item.Version != 1 {
			t.Errorf("got history %+v of %+v, want its creation", changes, item)
		}
	}
	if !seen[9] {
		t.Errorf("got ids %v, want 9 kept", ids(menu))
	}
	if next := mustCreate(t, store, soup()); seen[next.ID] || next.ID < 9 {
		t.Errorf("got id %d after %v, want a higher one", next.ID, ids(menu))
	}
}

func testImportRefuses(t *testing.T, engine Engine) {
	broken := errors.New("row 3 is broken")
	good := soup()
	withVersion := soup()
	withVersion.ID, withVersion.Version = 5, 2
	third := withVersion
	third.Version = 3
	for name, test := range map[string]struct {
		records []items.Record
		end     error
		want    error
	}{
		"an id that is there":             {itemRecords(items.Item{Name: "A"}, items.Item{ID: 1, Name: "B"}), nil, items.ErrExists},
		"an id that was there":            {itemRecords(items.Item{ID: 2, Name: "B"}), nil, items.ErrExists},
		"an id twice":                     {itemRecords(items.Item{ID: 7, Name: "A"}, items.Item{ID: 7, Name: "B"}), nil, items.ErrExists},
		"a source that fails":             {itemRecords(items.Item{Name: "A"}, items.Item{Name: "B"}), broken, broken},
		"an item without its history":     {itemRecords(withVersion), nil, items.ErrBadHistory},
		"a history without its item":      {[]items.Record{{Change: &items.Change{ItemID: 8, Version: 1, Action: items.Created, After: &good}}}, nil, items.ErrBadHistory},
		"a history that ends too early":   {append(itemRecords(withVersion), items.Record{Change: &items.Change{ItemID: 5, Version: 1, Action: items.Created, After: &good}}), nil, items.ErrBadHistory},
		"a history with a gap":            {append(itemRecords(third), items.Record{Change: &items.Change{ItemID: 5, Version: 1, Action: items.Created, After: &good}}, items.Record{Change: &items.Change{ItemID: 5, Version: 3, Action: items.Updated, Before: &good, After: &good}}), nil, items.ErrBadHistory},
		"a deletion of an unknown state":  {[]items.Record{{Change: &items.Change{ItemID: 8, Version: 2, Action: items.Deleted, Before: &good}}}, nil, items.ErrBadHistory},
		"a deletion of what is there":     {append(itemRecords(withVersion), items.Record{Change: &items.Change{ItemID: 5, Version: 2, Action: items.Deleted, Before: &good}}), nil, items.ErrBadHistory},
		"a change of what was there once": {[]items.Record{{Change: &items.Change{ItemID: 1, Version: 1, Action: items.Created, After: &good}}}, nil, items.ErrExists},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := mustOpen(t, engine)
			mustCreate(t, store, soup())
			mustCreate(t, store, soup())
			mustDelete(t, store, 2)
			before := mustExport(t, store)
			next := from(test.records)
			err := store.Import(context.Background(), info, false, func() (items.Record, error) {
				rec, err := next()
				if errors.Is(err, io.EOF) && test.end != nil {
					err = test.end
				}
				return rec, err
			})
			assertIs(t, err, test.want)
			var at *items.RecordError
			if errors.Is(test.want, items.ErrExists) && (!errors.As(err, &at) || at.Index != len(test.records)-1) {
				t.Errorf("got error %v, want one that names record %d", err, len(test.records))
			}
			assertEqual(t, mustExport(t, store), before)
		})
	}
}

func testImportReplaces(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	if _, err := store.Create(context.Background(), keyed("k", 1), soup()); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, store, soup())
	one := items.Item{ID: 1, Name: "The new one"}
	if err := store.Import(context.Background(), info, true, from(itemRecords(one))); err != nil {
		t.Fatalf("Import: %v", err)
	}
	one.Version = 1
	assertEqual(t, mustList(t, store), []items.Item{one})
	assertEqual(t, len(mustExport(t, store)), 2)
	if next := mustCreate(t, store, soup()); next.ID <= 1 {
		t.Errorf("got id %d, want a new one", next.ID)
	}
	if again, err := store.Create(context.Background(), keyed("k", 1), soup()); err != nil || again.Name != "Soup" {
		t.Errorf("got %+v, %v under a key whose item was replaced, want a new item", again, err)
	}
}

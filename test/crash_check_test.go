package test

import (
	"bufio"
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"menu-api/items"
)

// verdict counts what is wrong with a database after a crash.
type verdict struct {
	lost       int // acknowledged writes that are missing
	half       int // items that do not match their history, and gaps in a history
	duplicated int // writes that were applied twice, or that no client sent
	details    []string
}

func (v *verdict) note(count *int, format string, args ...any) {
	*count++
	if len(v.details) < 20 {
		v.details = append(v.details, fmt.Sprintf(format, args...))
	}
}

// check compares an export of the database with the ledgers of the clients.
func check(export string, ledgers []*ledger, shared *sharedItem) (verdict, error) {
	var v verdict
	menu, history := map[int64]items.Item{}, map[int64][]items.Change{}
	lines := bufio.NewScanner(bytes.NewReader([]byte(export)))
	for lines.Scan() {
		rec, err := items.ParseRecord(lines.Bytes())
		switch {
		case err != nil:
			return v, fmt.Errorf("%s: %w", lines.Text(), err)
		case rec.Item != nil:
			menu[rec.Item.ID] = *rec.Item
		default:
			history[rec.Change.ItemID] = append(history[rec.Change.ItemID], *rec.Change) // in the order of versions
		}
	}
	v.checkHistory(menu, history)
	known := map[int64]bool{shared.id: true}
	for _, l := range ledgers {
		known[l.id] = true
		v.checkLedger(l, history[l.id])
	}
	for id := range history {
		if !known[id] {
			v.note(&v.duplicated, "no client created item %d: %+v", id, history[id][0])
		}
	}
	v.checkShared(shared, history[shared.id])
	return v, lines.Err()
}

// checkHistory compares each item with its history: the history has no gaps, each change starts with the state that the previous
// one left, and the item has the state that the last one left.
func (v *verdict) checkHistory(menu map[int64]items.Item, history map[int64][]items.Change) {
	for id, item := range menu {
		if len(history[id]) == 0 {
			v.note(&v.half, "item %d has no history: %+v", id, item)
		}
	}
	for id, changes := range history {
		var current *items.Item
		for i, change := range changes {
			if change.Version != int64(i+1) || change.Action != items.Restored && !reflect.DeepEqual(change.Before, current) {
				v.note(&v.half, "change %d of item %d does not follow from the one before: %+v", i+1, id, change)
			}
			current = change.After
		}
		item, there := menu[id]
		if there != (current != nil) || there && !reflect.DeepEqual(&item, current) {
			v.note(&v.half, "item %d is %+v, its history ends with %+v", id, item, current)
		}
	}
}

// checkLedger looks for every acknowledged write of an item's only writer.
func (v *verdict) checkLedger(l *ledger, changes []items.Change) {
	for i, want := range l.entries {
		if i >= len(changes) || changes[i].Action != want.action || change(changes[i]).Price != want.price && want.action != items.Deleted {
			v.note(&v.lost, "version %d of item %d, %q, is not %+v", i+1, l.id, l.name, want)
		}
	}
	for i := len(l.entries); i < len(changes); i++ {
		v.note(&v.duplicated, "no client sent version %d of item %d, %q: %+v", i+1, l.id, l.name, changes[i])
	}
}

// change returns the item that a change left or removed.
func change(c items.Change) items.Item {
	if c.After == nil {
		return *c.Before
	}
	return *c.After
}

// checkShared looks for every acknowledged change of the shared item, in any order.
func (v *verdict) checkShared(shared *sharedItem, changes []items.Change) {
	seen := map[items.Price]int{}
	for _, c := range changes[min(1, len(changes)):] {
		price := change(c).Price
		seen[price]++
		if seen[price] > 1 || !shared.answered[price] && !shared.unknown[price] {
			v.note(&v.duplicated, "the shared item was set to %v %d times", price, seen[price])
		}
	}
	for price := range shared.answered {
		if seen[price] == 0 {
			v.note(&v.lost, "the shared item was never set to %v", price)
		}
	}
}

// The comparison of the crash tests finds every kind of loss.
func TestCrashCheckFindsLosses(t *testing.T) {
	t.Parallel()
	const (
		item    = `{"item":{"id":1,"name":"A","price":2,"description":"","image":"","version":2}}` + "\n"
		created = `{"change":{"id":1,"version":1,"action":"create","by":"a","at":"2026-02-28T22:59:59Z","before":null,"after":{"id":1,"name":"A","price":1,"description":"","image":""}}}` + "\n"
		updated = `{"change":{"id":1,"version":2,"action":"update","by":"a","at":"2026-02-28T22:59:59Z","before":{"id":1,"name":"A","price":1,"description":"","image":""},` +
			`"after":{"id":1,"name":"A","price":2,"description":"","image":""}}}` + "\n"
		shared = `{"item":{"id":9,"name":"S","price":7,"description":"","image":"","version":2}}` + "\n" +
			`{"change":{"id":9,"version":1,"action":"create","by":"a","at":"2026-02-28T22:59:59Z","before":null,"after":{"id":9,"name":"S","price":1,"description":"","image":""}}}` + "\n" +
			`{"change":{"id":9,"version":2,"action":"update","by":"a","at":"2026-02-28T22:59:59Z","before":{"id":9,"name":"S","price":1,"description":"","image":""},` +
			`"after":{"id":9,"name":"S","price":7,"description":"","image":""}}}` + "\n"
	)
	one := func(entries ...entry) []*ledger { return []*ledger{{id: 1, name: "A", entries: entries}} }
	both := one(entry{items.Created, 100}, entry{items.Updated, 200})
	seven := &sharedItem{id: 9, answered: map[items.Price]bool{700: true}}
	for name, test := range map[string]struct {
		export                 string
		ledgers                []*ledger
		shared                 *sharedItem
		lost, half, duplicated int
	}{
		"no loss":                              {item + created + updated + shared, both, seven, 0, 0, 0},
		"an acknowledged change is lost":       {item + created + updated + shared, one(entry{items.Created, 100}, entry{items.Updated, 200}, entry{items.Deleted, 0}), seven, 1, 0, 0},
		"an acknowledged item is lost":         {shared, both, seven, 2, 0, 0},
		"a change has another price":           {item + created + updated + shared, one(entry{items.Created, 100}, entry{items.Updated, 300}), seven, 1, 0, 0},
		"a change was applied twice":           {item + created + updated + shared, one(entry{items.Created, 100}), seven, 0, 0, 1},
		"an item was created twice":            {item + created + updated + shared, nil, seven, 0, 0, 1},
		"the history is missing":               {item + shared, nil, seven, 0, 1, 0},
		"the last change is missing":           {item + created + shared, one(entry{items.Created, 100}), seven, 0, 1, 0},
		"the first change is missing":          {item + updated + shared, one(entry{items.Updated, 200}), seven, 0, 1, 0},
		"the item is missing":                  {created + updated + shared, both, seven, 0, 1, 0},
		"a shared change is lost":              {shared, nil, &sharedItem{id: 9, answered: map[items.Price]bool{700: true, 800: true}}, 1, 0, 0},
		"a shared change was never sent":       {shared, nil, &sharedItem{id: 9}, 0, 0, 1},
		"a shared change got no response":      {shared, nil, &sharedItem{id: 9, unknown: map[items.Price]bool{700: true, 800: true}}, 0, 0, 0},
		"a write was made with another action": {item + created + updated + shared, one(entry{items.Created, 100}, entry{items.Deleted, 0}), seven, 1, 0, 0},
	} {
		got, err := check(test.export, test.ledgers, test.shared)
		if err != nil || got.lost != test.lost || got.half != test.half || got.duplicated != test.duplicated {
			t.Errorf("%s: got %+v, %v, want lost %d, half %d, duplicated %d", name, got, err, test.lost, test.half, test.duplicated)
		}
	}
}

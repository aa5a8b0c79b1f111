package storetest

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/transfer"
)

// MustExport returns the items and the history in JSON Lines.
func MustExport(tb testing.TB, store items.Store) string {
	tb.Helper()
	var out bytes.Buffer
	if _, err := transfer.Export(context.Background(), store, &out, transfer.JSONL, true, nil); err != nil {
		tb.Fatal(err)
	}
	return out.String()
}

// TestVersion3 checks that a migrated database of version 3 has its items, history, versions and idempotency keys. now is when
// its keys are still remembered.
func TestVersion3(t *testing.T, store items.Store, now time.Time) {
	t.Helper()
	want, err := os.ReadFile("testdata/version3.jsonl") // the export of the old program
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, MustExport(t, store), string(want))

	ctx := context.Background()
	info := items.AuditInfo{By: "auth0|chef", At: now}
	info.Key = &items.Key{Value: "create soup", Fingerprint: [32]byte{1}}
	if created, err := store.Create(ctx, info, items.Item{Name: "Again"}); err != nil || created.ID != 7 || created.Version != 1 || created.Price != 450 {
		t.Errorf("got %+v, %v for a retried create, want the item as it was created", created, err)
	}
	info.Key = &items.Key{Value: "restore soup", Fingerprint: [32]byte{1}}
	if restored, err := store.Restore(ctx, info, 7); err != nil || restored.Version != 5 || restored.Price != 550 {
		t.Errorf("got %+v, %v for a retried restore, want the item as it was restored", restored, err)
	}
	info.Key = nil
	for id, name := range map[int64]string{1: "Burger", 8: "Gone", 21: "Imported and deleted"} {
		if restored, err := store.Restore(ctx, info, id); err != nil || restored.Version != 3 || restored.Name != name {
			t.Errorf("got %+v, %v, want the restored %s", restored, err, name)
		}
	}
	if created, err := store.Create(ctx, info, items.Item{Name: "New"}); err != nil || created.ID != 23 {
		t.Errorf("got %+v, %v, want the next id", created, err)
	}
}

// CheckGolden compares statements with a golden file, which shows them with the columns inserted. With update, it writes the file.
func CheckGolden(t *testing.T, update bool, file string, statements []string) {
	t.Helper()
	var got bytes.Buffer
	for _, statement := range statements {
		got.WriteString(strings.TrimSpace(statement) + ";\n\n")
	}
	if update {
		if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file) //nolint:gosec // of a test
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got statements\n%s\nwant those of %s; after an intended change run the test with -update", &got, file)
	}
}

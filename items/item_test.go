package items

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"
)

func TestItemJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", `"\/`, "<&>", "\x00\n\x7f", "\u2028", "é", "\xff"}))
		item := Item{
			ID: rapid.Int64().Draw(t, "id"), Name: text.Draw(t, "name"), Price: Price(rapid.Int64Range(-1e9, 1e9).Draw(t, "price")),
			Description: text.Draw(t, "description"), Image: text.Draw(t, "image"), Tagline: text.Draw(t, "tagline"),
			Category: text.Draw(t, "category"), Calories: rapid.Ptr(rapid.Int64(), true).Draw(t, "calories"), Version: 7,
		}
		got, failed := item.appendJSON(nil)
		want, err := json.Marshal(item)
		if (failed == nil) != (err == nil) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("got %s, %v, want %s, %v", got, failed, want, err)
		}
	})
}

func BenchmarkItem(b *testing.B) {
	item := Item{ID: 1, Name: "Burger", Price: 599, Description: "Tasty", Image: "https://cdn.auth0.com/blog/whatabyte/burger-sm.png"}
	for name, encode := range map[string]func() ([]byte, error){
		"marshal": func() ([]byte, error) { return json.Marshal(item) },
		"append":  func() ([]byte, error) { return item.appendJSON(nil) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := encode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

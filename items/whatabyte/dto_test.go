package whatabyte

import (
	"errors"
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"menu-api/items"
)

// itemIn returns the item of an input that was decoded.
func itemIn(input *items.Input, err error) (items.Item, error) {
	if err != nil {
		return items.Item{}, err
	}
	return input.Item()
}

// FuzzMenuBody: a body is either rejected with a message, or becomes a valid item. This contract accepts nothing that /items
// does not accept once its numbers are numbers.
func FuzzMenuBody(f *testing.F) {
	for _, body := range []string{
		`{"name":"Soup","price":"4.99","tagline":"t","description":"Warm","image":"","calories":"320","category":"c"}`,
		`{"id":"4","name":"Soup","price":499,"description":"","image":"https://x/y.png","calories":0}`,
		`{"id":4,"name":"Soup","price":"499","description":"","image":"","calories":""}`, `{"item":{}}`, `{"price":"1e2"}`,
		`{"name":"Soup","price":"00000000000000000000000000000000001","description":"","image":""}`, `{"price":".99"}`, `{}`, ``, `[]`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		item, err := itemIn(decode(body, ""))
		var invalid *items.ValidationError
		if err != nil {
			if !errors.As(err, &invalid) || invalid.Detail == "" || !utf8.ValidString(invalid.Error()) {
				t.Fatalf("got error %v, want a ValidationError with a detail", err)
			}
			return
		}
		if item.Price < 0 || item.Price > 100_000_000 {
			t.Errorf("got price %v", item.Price)
		}
		sent, err := json.Marshal(dtoOf(item))
		if err != nil {
			t.Fatal(err)
		}
		bare, err := json.Marshal(item)
		if err != nil {
			t.Fatal(err)
		}
		for form, parse := range map[string]func() (*items.Input, error){
			"this contract": func() (*items.Input, error) { return decode(sent, "") },
			"/items":        func() (*items.Input, error) { return items.DecodeInput(bare) },
		} {
			got, err := itemIn(parse())
			if err != nil {
				t.Fatalf("%s: %s: %v", form, sent, err)
			}
			if !reflect.DeepEqual(got, item) {
				t.Errorf("%s: got %+v, want %+v", form, got, item)
			}
		}
	})
}

package items

import (
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

var numberGrammar = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// FuzzCreate: whatever the bytes, a body is either refused with a message, or makes an item that keeps every rule and
// comes back unchanged when it is sent again.
func FuzzCreate(f *testing.F) {
	for _, body := range []string{
		`{"item":{"name":"Soup","price":4.5,"description":"Warm","image":""}}`,
		`{"name":" Soup ","price":1e2,"description":"","image":"https://x/y.png","tagline":null,"category":"","calories":0}`,
		`{"item":{"name":"Soup","name":"Soup"}}`, `{"item":null}`, `{}`, `[]`, ``, `{"item":{}} x`, "{\"item\":{\"name\":\"\xff\"}}",
		`{"item":{"name":"\ud800","price":1e400,"calories":1.5,"id":"x"}}`, strings.Repeat(`{"item":`, 5000),
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		draft, err := parseDraft(body)
		if err == nil {
			err = draft.validate("")
		}
		var invalid *ValidationError
		if err != nil {
			if !errors.As(err, &invalid) || invalid.Detail == "" {
				t.Fatalf("got error %v, want a ValidationError with a detail", err)
			}
			if !utf8.ValidString(invalid.Error()) {
				t.Fatalf("the message is no text: %q", invalid.Error())
			}
			return
		}
		item := draft.item()
		if n := utf8.RuneCountInString(item.Name); n < 1 || n > 200 || strings.TrimSpace(item.Name) != item.Name {
			t.Errorf("got name %q", item.Name)
		}
		if item.Price < 0 || item.Price > MaxPrice {
			t.Errorf("got price %v", item.Price)
		}
		sent, err := json.Marshal(item)
		if err != nil {
			t.Fatalf("the item does not encode: %v", err)
		}
		again, err := parseDraft(sent)
		if err != nil {
			t.Fatalf("%s: %v", sent, err)
		}
		if err := again.validate(""); err != nil {
			t.Fatalf("%s: %v", sent, err)
		}
		if got := again.item(); !reflect.DeepEqual(got, item) {
			t.Errorf("got %+v, want %+v", got, item)
		}
	})
}

// FuzzPatch: a patch never makes a valid item invalid, and changes nothing that it does not name (RFC 7396).
func FuzzPatch(f *testing.F) {
	for _, body := range []string{
		`{"item":{"price":1}}`, `{"tagline":null}`, `{"name":null}`, `{"calories":""}`, `{"item":{}}`, `{"image":"x"}`, `{"id":7,"name":"y"}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		draft, err := parseDraft(body)
		if err != nil || draft.validatePatch("") != nil {
			return
		}
		calories := int64(5)
		before := Item{ID: 7, Name: "Soup", Price: 450, Description: "Warm", Image: "", Tagline: "t", Category: "c", Calories: &calories}
		after := draft.patch(before)
		sent, err := json.Marshal(after)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := parseDraft(sent)
		if err != nil {
			t.Fatal(err)
		}
		if err := whole.validate(""); err != nil {
			t.Errorf("%s made the item invalid: %v", body, err)
		}
		was, is := reflect.ValueOf(before), reflect.ValueOf(after)
		for i := range was.NumField() {
			name, _, _ := strings.Cut(was.Type().Field(i).Tag.Get("json"), ",")
			if (name == "id" || !draft.sent[name]) && !reflect.DeepEqual(was.Field(i).Interface(), is.Field(i).Interface()) {
				t.Errorf("%s changed %s, which it does not name", body, name)
			}
		}
	})
}

// FuzzMenuBody: FuzzCreate for the second contract. Besides, its form is never wider: what it takes is what /items takes once
// its numbers are numbers.
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
		draft, err := parseMenuDraft(body)
		if err == nil {
			draft.forPath(draft.id)
			err = draft.validate("")
		}
		var invalid *ValidationError
		if err != nil {
			if !errors.As(err, &invalid) || invalid.Detail == "" || !utf8.ValidString(invalid.Error()) {
				t.Fatalf("got error %v, want a ValidationError with a detail", err)
			}
			return
		}
		item := draft.item()
		if item.Price < 0 || item.Price > MaxPrice {
			t.Errorf("got price %v", item.Price)
		}
		rep, err := representMenuItem(item)
		if err != nil {
			t.Fatal(err)
		}
		bare, err := json.Marshal(item)
		if err != nil {
			t.Fatal(err)
		}
		for form, parse := range map[string]func() (*Draft, error){
			"this contract": func() (*Draft, error) { return parseMenuDraft(rep.body) },
			"/items":        func() (*Draft, error) { return parseDraft(bare) },
		} {
			again, err := parse()
			if err != nil {
				t.Fatalf("%s: %v", form, err)
			}
			if err := again.validate(""); err != nil {
				t.Fatalf("%s: %s: %v", form, rep.body, err)
			}
			if got := again.item(); !reflect.DeepEqual(got, item) {
				t.Errorf("%s: got %+v, want %+v", form, got, item)
			}
		}
	})
}

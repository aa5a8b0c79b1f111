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

// itemIn returns the item of an input that was decoded.
func itemIn(input *Input, err error) (Item, error) {
	if err != nil {
		return Item{}, err
	}
	return input.Item()
}

// FuzzCreate: a body is either rejected with a message, or becomes an item that satisfies every rule and stays unchanged
// when it is sent again.
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
		item, err := itemIn(DecodeInput(body))
		var invalid *ValidationError
		if err != nil {
			if !errors.As(err, &invalid) || invalid.Detail == "" {
				t.Fatalf("got error %v, want a ValidationError with a detail", err)
			}
			if !utf8.ValidString(invalid.Error()) {
				t.Fatalf("the message is not text: %q", invalid.Error())
			}
			return
		}
		if n := utf8.RuneCountInString(item.Name); n < 1 || n > 200 || strings.TrimSpace(item.Name) != item.Name {
			t.Errorf("got name %q", item.Name)
		}
		if item.Price < 0 || item.Price > 100_000_000 {
			t.Errorf("got price %v", item.Price)
		}
		sent, err := json.Marshal(item)
		if err != nil {
			t.Fatalf("the item does not encode: %v", err)
		}
		got, err := itemIn(DecodeInput(sent))
		if err != nil {
			t.Fatalf("%s: %v", sent, err)
		}
		if !reflect.DeepEqual(got, item) {
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
		input, err := DecodeInput(body)
		if err != nil || input.validate(true, "") != nil {
			return
		}
		calories := int64(5)
		before := Item{ID: 7, Name: "Soup", Price: 450, Description: "Warm", Image: "", Tagline: "t", Category: "c", Calories: &calories}
		after := input.patch(before)
		sent, err := json.Marshal(after)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := itemIn(DecodeInput(sent)); err != nil {
			t.Errorf("%s made the item invalid: %v", body, err)
		}
		was, is := reflect.ValueOf(before), reflect.ValueOf(after)
		for i := range was.NumField() {
			name, _, _ := strings.Cut(was.Type().Field(i).Tag.Get("json"), ",")
			_, sent := input.values[name]
			if (name == "id" || !sent) && !reflect.DeepEqual(was.Field(i).Interface(), is.Field(i).Interface()) {
				t.Errorf("%s changed %s, which it does not name", body, name)
			}
		}
	})
}

func TestReplaceLeavesFieldsOutsideTheContract(t *testing.T) {
	t.Parallel()
	calories := int64(5)
	current := Item{ID: 7, Name: "Soup", Price: 450, Description: "Warm", Tagline: "hot", Category: "Starters", Calories: &calories}
	tests := map[string]struct {
		body  string
		scope []string
		want  Item
	}{
		"without limits":         {`{"name":"Broth"}`, nil, Item{ID: 7, Name: "Broth"}},
		"limited to two":         {`{"name":"Broth"}`, []string{"name", "tagline"}, Item{ID: 7, Name: "Broth", Price: 450, Description: "Warm", Category: "Starters", Calories: &calories}},
		"a field outside is set": {`{"name":"Broth","category":"Mains"}`, []string{"name"}, Item{ID: 7, Name: "Broth", Price: 450, Description: "Warm", Tagline: "hot", Category: "Mains", Calories: &calories}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			input, err := DecodeInput([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if test.scope != nil {
				input.ReplaceOnly(test.scope...)
			}
			if got := input.replace(current); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

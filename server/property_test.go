package server_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"menu-api/items"
)

// handle calls the handlers directly, which is faster than a network.
func handle(h http.Handler, method, target, body string, headers ...string) answer {
	request := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, request)
	return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
}

// FuzzRead: for every path and query, a read returns the menu, a page or an item of it, or a problem document.
func FuzzRead(f *testing.F) {
	_, options := newParts(f)
	s := newServer(f, options)
	for _, seed := range []string{"/items", "/items/", "/items/1", "/items/%31", "/items/99", "/items/-1", "/items/1%2F", "//items", "/", "/healthz"} {
		f.Add(seed, "")
		f.Add(seed, "limit=1&after=%zz&q=;--")
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		u := &url.URL{Path: path, RawQuery: query}
		if raw, err := url.PathUnescape(path); err == nil {
			u.Path, u.RawPath = raw, path
		}
		request := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		request.URL = u
		recorder := httptest.NewRecorder()
		s.Handler().ServeHTTP(recorder, request)
		got := answer{recorder.Code, recorder.Header(), recorder.Body.String()}
		switch {
		case strings.HasPrefix(got.header.Get("Content-Type"), "text/html"): // the dashboard
			if got.status != http.StatusOK && got.status != http.StatusNotFound {
				t.Errorf("%q: got %d %s", path, got.status, got.body)
			}
		case got.status == http.StatusOK:
			parts := []string{got.body}
			if strings.HasPrefix(got.body, "[") { // a page of items
				parts = nil
				for _, item := range mustDecode[[]json.RawMessage](t, got.body) {
					parts = append(parts, string(item))
				}
			}
			for _, part := range parts {
				if !strings.Contains(menu, part) && part != `{"status":"ok"}` {
					t.Errorf("%q: got %s", path, got.body)
				}
			}
		case got.status == http.StatusBadRequest, got.status == http.StatusNotFound:
			got.mustProblem(t)
		default:
			t.Errorf("%q: got %d %s", path, got.status, got.body)
		}
	})
}

// field is one field of a body: the literal to send, and the value that the item then has.
type field struct {
	name, literal string
	valid         bool
	stored        string // the JSON of the stored value, "" when it is left out
}

// drawField draws a value for a field, mostly a valid one.
func drawField(t *rapid.T, name string) field {
	valid := rapid.IntRange(0, 9).Draw(t, name+" is valid") > 0
	quote := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	text := func(least, most int) field {
		if !valid {
			return field{name, rapid.SampledFrom([]string{"1", "{}", quote(strings.Repeat("x", 2001))}).Draw(t, name), false, ""}
		}
		s := rapid.StringOfN(rapid.RuneFrom([]rune("aZ09 é漢🍔'\"\\<&>\n")), least, most, -1).Draw(t, name)
		if name == "name" {
			if s = strings.TrimSpace(s); s == "" {
				s = "x"
			}
		}
		return field{name, quote(s), true, s}
	}
	switch name {
	case "name":
		return text(1, 30)
	case "description":
		return text(0, 60)
	case "image":
		if !valid {
			return field{name, `"javascript:alert(1)"`, false, ""}
		}
		s := rapid.SampledFrom([]string{"", "https://x/y.png", "http://example.com:8080/a?b=c&d=e"}).Draw(t, name)
		return field{name, quote(s), true, s}
	case "price":
		if !valid {
			return field{name, rapid.SampledFrom([]string{"-1", "0.001", "1e400", `"1"`, "1000000.01"}).Draw(t, name), false, ""}
		}
		cents := rapid.IntRange(0, 100_000_000).Draw(t, name)
		printed := strconv.FormatFloat(float64(cents)/100, 'f', -1, 64) // shortest: what JavaScript prints
		return field{name, fmt.Sprintf("%d.%02d", cents/100, cents%100), true, printed}
	default: // calories
		if !valid {
			return field{name, rapid.SampledFrom([]string{"-1", "0.5", "100001", `"x"`}).Draw(t, name), false, ""}
		}
		n := rapid.IntRange(0, 100_000).Draw(t, name)
		return field{name, strconv.Itoa(n), true, strconv.Itoa(n)}
	}
}

var required, optional = []string{"name", "price", "description", "image"}, []string{"tagline", "calories"}

// drawBody draws some of the fields and returns the body with them.
func drawBody(t *rapid.T, names []string) (fields []field, body string) {
	var members []string
	for _, name := range names {
		var f field
		if name == "tagline" {
			f = drawField(t, "description")
			f.name = name
		} else {
			f = drawField(t, name)
		}
		fields = append(fields, f)
		members = append(members, fmt.Sprintf("%q:%s", f.name, f.literal))
	}
	body = "{" + strings.Join(rapid.Permutation(members).Draw(t, "order"), ",") + "}"
	if rapid.Bool().Draw(t, "wrapped") {
		body = `{"item":` + body + `}`
	}
	return fields, body
}

func drawSome(t *rapid.T, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !rapid.Bool().Draw(t, name+" is sent") })
}

// model is the menu as plain maps of fields.
type model struct {
	lastID int
	items  map[int]map[string]string
}

// json prints an item of the model without the code of the API.
func (m *model) json(id int) string {
	item := m.items[id]
	var b strings.Builder
	fmt.Fprintf(&b, `{"id":%d`, id)
	for _, name := range []string{"name", "price", "description", "image", "tagline", "category", "calories"} {
		value, has := item[name]
		if !has || (value == "" && slices.Contains(optional, name)) {
			continue
		}
		if name == "price" || name == "calories" {
			fmt.Fprintf(&b, `,%q:%s`, name, value)
			continue
		}
		encoded := new(strings.Builder)
		encoder := json.NewEncoder(encoded)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(value) //nolint:errchkjson // a string
		fmt.Fprintf(&b, `,%q:%s`, name, strings.TrimSuffix(encoded.String(), "\n"))
	}
	return b.String() + "}"
}

func (m *model) list() string {
	var entries []string
	for id := 1; id <= m.lastID; id++ {
		if m.items[id] != nil {
			entries = append(entries, fmt.Sprintf(`"%d":%s`, id, m.json(id)))
		}
	}
	return "{" + strings.Join(entries, ",") + "}"
}

// write applies the fields and returns the status that the API has to send.
func (m *model) write(id, success int, fields []field, whole bool) int {
	for _, f := range fields {
		if !f.valid {
			return http.StatusBadRequest
		}
	}
	sent := func(name string) bool {
		return slices.ContainsFunc(fields, func(f field) bool { return f.name == name })
	}
	if whole && slices.ContainsFunc(required, func(name string) bool { return !sent(name) }) {
		return http.StatusBadRequest
	}
	if success == http.StatusCreated {
		m.lastID++
		id = m.lastID
		m.items[id] = map[string]string{}
	}
	if m.items[id] == nil {
		return http.StatusNotFound
	}
	if whole {
		m.items[id] = map[string]string{}
	}
	for _, f := range fields {
		m.items[id][f.name] = f.stored
	}
	return success
}

// Short sequences keep TestAgainstModel fast. For longer ones: go test -run TestAgainstModel ./server -rapid.steps 100
func init() { _ = flag.Set("rapid.steps", "10") }

// TestAgainstModel sends random sequences of valid and invalid requests, and compares every response and the whole menu with a
// model.
func TestAgainstModel(t *testing.T) {
	t.Parallel()
	a, options := newParts(t)
	s := newServer(t, options)
	h := s.Handler()
	admin := append(a.admin(), "Content-Type", "application/json")
	m := &model{lastID: len(items.DefaultMenu()), items: map[int]map[string]string{1: {}, 2: {}, 3: {}}}

	rapid.Check(t, func(t *rapid.T) {
		for id := range m.items { // each sequence starts with an empty menu
			handle(h, "DELETE", fmt.Sprint("/items/", id), "", admin...)
			delete(m.items, id)
		}
		id := rapid.IntRange(max(1, m.lastID-5), m.lastID+1).Draw(t, "id")
		path := fmt.Sprint("/items/", id)
		check := func(got answer, status int, body string) {
			t.Helper()
			if got.status != status || (status < 400 && got.body != body) {
				t.Fatalf("got %d %s, want %d %s", got.status, got.body, status, body)
			}
			if status >= 400 && !strings.HasPrefix(got.body, `{"type":"urn:problem-type:menu-api:`) {
				t.Fatalf("got %s, want a problem document", got.body)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				fields, body := drawBody(t, slices.Concat(required, drawSome(t, optional)))
				got := handle(h, "POST", "/items", body, admin...)
				status := m.write(0, http.StatusCreated, fields, true)
				check(got, status, m.json(m.lastID))
			},
			"create with fields missing": func(t *rapid.T) {
				fields, body := drawBody(t, drawSome(t, required))
				got := handle(h, "POST", "/items", body, admin...)
				status := m.write(0, http.StatusCreated, fields, true)
				check(got, status, m.json(m.lastID))
			},
			"replace": func(t *rapid.T) {
				fields, body := drawBody(t, slices.Concat(required, drawSome(t, optional)))
				got := handle(h, "PUT", path, body, admin...)
				status := m.write(id, http.StatusOK, fields, true)
				check(got, status, m.json(id))
			},
			"patch": func(t *rapid.T) {
				fields, body := drawBody(t, drawSome(t, slices.Concat(required, optional)))
				got := handle(h, "PATCH", path, body, admin...)
				status := m.write(id, http.StatusOK, fields, false)
				check(got, status, m.json(id))
			},
			"delete": func(*rapid.T) {
				got := handle(h, "DELETE", path, "", admin...)
				if m.items[id] == nil {
					check(got, http.StatusNotFound, "")
					return
				}
				check(got, http.StatusOK, m.json(id))
				delete(m.items, id)
			},
			"write without a token": func(t *rapid.T) {
				_, body := drawBody(t, required)
				check(handle(h, "PUT", path, body, "Content-Type", "application/json"), http.StatusUnauthorized, "")
			},
			"": func(*rapid.T) { // after each
				check(handle(h, "GET", "/items", ""), http.StatusOK, m.list())
				if m.items[id] == nil {
					check(handle(h, "GET", path, ""), http.StatusNotFound, "")
				} else {
					check(handle(h, "GET", path, ""), http.StatusOK, m.json(id))
				}
			},
		})
	})
}

package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"menu-api/items"
)

func mustDecode[T any](tb testing.TB, body string) (v T) {
	tb.Helper()
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		tb.Fatalf("%v in %s", err, body)
	}
	return v
}

// change is an entry of a history as a client reads it.
type change struct {
	ID, Version int
	Action, By  string
	At          time.Time
	Before      *struct{ Name string }
	After       *struct{ Name string }
}

func TestHistoryHasWhoWhenAndWhat(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	chef := []string{"Authorization", "Bearer " + a.issuer.TokenWith(t, items.Permissions(), map[string]any{"sub": "auth0|chef"})}
	start := time.Now()
	a.do("PUT", "/items/2", soda, chef...).assertStatus(t, 200)
	a.do("DELETE", "/items/2", "", chef...).assertStatus(t, 200)

	r := a.do("GET", "/items/2/history", "", a.as(items.UpdateItems)...)
	r.assertStatus(t, 200)
	assertHeader(t, r, "Cache-Control", "no-store")
	changes := mustDecode[[]change](t, r.body)
	if len(changes) != 3 {
		t.Fatalf("got %s, want three changes", r.body)
	}
	for i, want := range []struct{ action, before, after string }{{"delete", "Soda", ""}, {"update", "Pizza", "Soda"}, {"create", "", "Pizza"}} {
		got := changes[i]
		name := func(item *struct{ Name string }) string {
			if item == nil {
				return ""
			}
			return item.Name
		}
		if got.ID != 2 || got.Version != 3-i || got.Action != want.action || name(got.Before) != want.before || name(got.After) != want.after {
			t.Errorf("got change %+v, want %+v", got, want)
		}
		if i < 2 && (got.By != "auth0|chef" || got.At.Before(start.Add(-time.Second)) || got.At.After(time.Now().Add(time.Second))) {
			t.Errorf("got %q at %v, want the chef, just now", got.By, got.At)
		}
	}
	if !strings.Contains(r.body, `Z","before":{"id":2,"name":"Soda"`) {
		t.Errorf("got %s, want times in UTC and items as they are served", r.body)
	}
	head := a.do("HEAD", "/items/2/history", "", a.admin()...)
	head.assertStatus(t, 200)
	assertHeader(t, head, "Content-Length", fmt.Sprint(len(r.body)))

	page := a.do("GET", "/items/2/history?limit=2", "", a.admin()...)
	if got := mustDecode[[]change](t, page.body); len(got) != 2 || got[1].Version != 2 {
		t.Errorf("got %s, want the two newest changes", page.body)
	}
	next := mustNext(t, page)
	if got := mustDecode[[]change](t, a.do("GET", next, "", a.admin()...).body); len(got) != 1 || got[0].Version != 1 {
		t.Errorf("%s: got %+v, want the oldest change", next, got)
	}
}

func TestHistoryIsGuarded(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for name, test := range map[string]struct {
		path    string
		headers []string
		want    int
	}{
		"no token":            {"/items/1/history", nil, 401},
		"another permission":  {"/items/1/history", a.as(items.CreateItems, items.DeleteItems), 403},
		"an unknown id":       {"/items/99/history", a.admin(), 404},
		"not an id":           {"/items/abc/history", a.admin(), 400},
		"a bad limit":         {"/items/1/history?limit=0", a.admin(), 400},
		"an invalid page key": {"/items/1/history?after=x", a.admin(), 400},
	} {
		r := a.do("GET", test.path, "", test.headers...)
		if r.status != test.want || strings.Contains(r.body, "Tasty") {
			t.Errorf("%s: got %d %s, want %d", name, r.status, r.body, test.want)
		}
		r.mustProblem(t)
	}
}

func TestRestore(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	admin := a.admin()
	a.do("POST", "/items/2/restore", "", admin...).assertStatus(t, 409)
	a.do("POST", "/items/99/restore", "", admin...).assertStatus(t, 404)
	a.do("POST", "/items/x/restore", "", admin...).assertStatus(t, 400)
	a.do("DELETE", "/items/2", "", admin...).assertStatus(t, 200)
	a.do("POST", "/items/2/restore", "").assertStatus(t, 401)
	a.do("POST", "/items/2/restore", "", a.as(items.UpdateItems, items.DeleteItems)...).assertStatus(t, 403)
	a.do("GET", "/items/2", "").assertStatus(t, 404)

	restored := a.do("POST", "/items/2/restore", "", a.as(items.CreateItems)...)
	restored.assertStatus(t, 200)
	if restored.body != pizza {
		t.Errorf("got %s, want %s", restored.body, pizza)
	}
	assertHeader(t, restored, "ETag", a.do("GET", "/items/2", "").header.Get("ETag"))
	if p := a.do("POST", "/items/2/restore", "", admin...).mustProblem(t); p.Status != 409 {
		t.Errorf("got %+v for an item that is there again, want 409", p)
	}
}

// An item that was changed and changed back has another ETag, because it has another version.
func TestETagIsAVersion(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	admin := a.admin()
	first := a.do("GET", "/items/1", "").header.Get("ETag")
	a.do("PATCH", "/items/1", `{"price":1}`, admin...).assertStatus(t, 200)
	a.do("PATCH", "/items/1", `{"price":5.99}`, admin...).assertStatus(t, 200)
	if got := a.do("GET", "/items/1", ""); got.body != burger || got.header.Get("ETag") == first {
		t.Errorf("got ETag %s again for %s, want another", first, got.body)
	}
	a.do("PUT", "/items/1", soup, append(admin, "If-Match", first)...).assertStatus(t, 412)
}

// If two clients edit the same version, exactly one gets 412.
func TestNoLostUpdate(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	admin := a.admin()
	for range 20 {
		etag := a.do("GET", "/items/1", "").header.Get("ETag")
		var statuses [2]int
		var wg sync.WaitGroup
		for i := range statuses {
			wg.Go(func() {
				statuses[i] = a.do("PATCH", "/items/1", fmt.Sprintf(`{"price":%d}`, i), append(admin, "If-Match", etag)...).status
			})
		}
		wg.Wait()
		if statuses != [2]int{200, 412} && statuses != [2]int{412, 200} {
			t.Errorf("got %v, want one 200 and one 412", statuses)
		}
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	admin := a.admin()
	with := func(key string) []string { return append(admin[:2:2], "Idempotency-Key", key) }
	count := func() int { return len(mustDecode[map[string]any](t, a.do("GET", "/items", "").body)) }

	first := a.do("POST", "/items", soup, with(`"8e03978e-40d5-43dd-bc93-6894a57f9324"`)...)
	first.assertStatus(t, 201)
	a.do("PATCH", "/items/4", `{"name":"Changed since"}`, admin...).assertStatus(t, 200)
	for _, key := range []string{`"8e03978e-40d5-43dd-bc93-6894a57f9324"`, `8e03978e-40d5-43dd-bc93-6894a57f9324`} {
		again := a.do("POST", "/items", soup, with(key)...)
		if again.status != 201 || again.body != first.body {
			t.Errorf("%s: got %d %s, want the first response %s", key, again.status, again.body, first.body)
		}
		for _, name := range []string{"Location", "ETag", "Content-Type"} {
			assertHeader(t, again, name, first.header.Get(name))
		}
	}
	if got := count(); got != 4 {
		t.Errorf("got %d items, want 4", got)
	}
	other := a.do("POST", "/items", strings.Replace(soup, "4.5", "5", 1), with(`8e03978e-40d5-43dd-bc93-6894a57f9324`)...)
	other.assertStatus(t, 422)
	other.mustProblem(t)
	a.do("POST", "/items/4/restore", "", with(`8e03978e-40d5-43dd-bc93-6894a57f9324`)...).assertStatus(t, 422)

	another := []string{"Authorization", "Bearer " + a.issuer.TokenWith(t, items.Permissions(), map[string]any{"sub": "auth0|else"})}
	theirs := a.do("POST", "/items", soup, append(another, "Idempotency-Key", `8e03978e-40d5-43dd-bc93-6894a57f9324`)...)
	if theirs.status != 201 || theirs.header.Get("Location") == first.header.Get("Location") {
		t.Errorf("got %d %s for the key of another subject, want a new item", theirs.status, theirs.header.Get("Location"))
	}

	a.do("POST", "/items", `{"name":""}`, with("rejected")...).assertStatus(t, 400)
	a.do("POST", "/items", soup, with("rejected")...).assertStatus(t, 201) // the rejected request did not use up the key

	for _, key := range []string{`""`, `"`, `"open`, "with\ttab", strings.Repeat("x", 256), `a"b`, "ä"} {
		p := a.do("POST", "/items", soup, with(key)...).mustProblem(t)
		if p.Status != 400 || p.fields() != "Idempotency-Key" {
			t.Errorf("key %q: got %+v, want 400 that names the header", key, p)
		}
	}
}

// Many copies of a request at once create one item. Each copy gets the item, or a 409.
func TestIdempotencyKeyInFlight(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	headers := append(a.admin(), "Idempotency-Key", "storm")
	var mu sync.Mutex
	bodies := map[string]int{}
	var wg sync.WaitGroup
	for range 24 {
		wg.Go(func() {
			r := a.do("POST", "/items", soup, headers...)
			mu.Lock()
			defer mu.Unlock()
			switch r.status {
			case http.StatusCreated:
				bodies[r.body]++
			case http.StatusConflict:
				assertHeader(t, r, "Retry-After", "1")
			default:
				t.Errorf("got %d %s", r.status, r.body)
			}
		})
	}
	wg.Wait()
	if len(bodies) != 1 {
		t.Errorf("got items %v, want one", bodies)
	}
	if got := mustDecode[map[string]any](t, a.do("GET", "/items", "").body); len(got) != 4 {
		t.Errorf("got %d items, want 4", len(got))
	}
}

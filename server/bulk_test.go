package server_test

import (
	"fmt"
	"strings"
	"testing"

	"menu-api/authz/authztest"
	"menu-api/items"
	"menu-api/server"
)

// mustMenu returns the menu as a client reads it.
func (a *api) mustMenu() map[string]map[string]any {
	a.tb.Helper()
	return mustDecode[map[string]map[string]any](a.tb, a.do("GET", "/items", "").body)
}

func TestPatchMenu(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	chef := []string{"Authorization", "Bearer " + a.issuer.TokenWith(t, items.Permissions(), map[string]any{"sub": "auth0|chef", "name": "Charlie Chef"})}
	a.do("DELETE", "/items/3", "", chef...).assertStatus(t, 200)

	r := a.do("PATCH", "/items", `{"3":{"name":"Chai","price":2,"description":"","image":""},"1":{"price":6.5,"soldOut":true},"2":null}`,
		append(chef, "Content-Type", "application/merge-patch+json")...)
	r.assertStatus(t, 200)
	want := `{"1":` + strings.Replace(strings.TrimSuffix(burger, "}"), "5.99", "6.5", 1) + `,"soldOut":true},` +
		`"3":{"id":3,"name":"Chai","price":2,"description":"","image":""}}`
	if r.body != want {
		t.Errorf("got %s, want %s", r.body, want)
	}
	assertHeader(t, r, "Cache-Control", "no-store")
	if got := a.do("GET", "/items", "").body; got != want {
		t.Errorf("then the menu is %s, want %s", got, want)
	}

	history := a.do("GET", "/history?limit=3", "", a.as(items.UpdateItems)...)
	history.assertStatus(t, 200)
	changes := mustDecode[[]struct {
		ID, Version               int
		Action, By, ByName, Batch string
	}](t, history.body)
	for i, want := range []string{"3 restore 3", "2 delete 2", "1 update 2"} {
		got := changes[i]
		if fmt.Sprint(got.ID, " ", got.Action, " ", got.Version) != want || got.By != "auth0|chef" || got.ByName != "Charlie Chef" ||
			got.Batch == "" || got.Batch != changes[0].Batch {
			t.Errorf("got change %+v, want %s by the chef, all in one batch", got, want)
		}
	}
	if next := mustDecode[[]struct{ Action, Batch string }](t, a.do("GET", mustNext(t, history), "", chef...).body); next[0].Action != "delete" || next[0].Batch != "" {
		t.Errorf("got %+v, want the deletion before, without a batch", next)
	}
	if log := a.log.String(); strings.Contains(log, "Charlie") {
		t.Error("the log contains the name of the chef")
	}

	// Without entries, nothing changes.
	empty := a.do("PATCH", "/items", `{}`, chef...)
	if empty.status != 200 || empty.body != `{}` {
		t.Errorf("got %d %s, want 200 and an empty object", empty.status, empty.body)
	}
}

func TestPatchMenuRejects(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	a.do("DELETE", "/items/3", "", a.admin()...).assertStatus(t, 200)
	before := a.do("GET", "/items", "").body
	complete := `{"name":"Chai","price":2,"description":"","image":""}`
	update, all := a.as(items.UpdateItems), a.admin()
	var many strings.Builder
	for id := range 10_001 {
		fmt.Fprintf(&many, `,"%d":null`, id+1)
	}
	for name, test := range map[string]struct {
		headers []string
		body    string
		status  int
		fields  string // or the detail
	}{
		"no token":                        {nil, `{"1":{"price":1}}`, 401, ""},
		"only create":                     {a.as(items.CreateItems), `{"1":{"price":1}}`, 403, "update:items"},
		"a deletion without delete":       {update, `{"1":{"price":1},"2":null}`, 403, "delete:items"},
		"a deletion of an unknown id":     {update, `{"99":null}`, 403, "delete:items"},
		"a restoration without create":    {a.as(items.UpdateItems, items.DeleteItems), `{"3":` + complete + `,"99":{"price":"x"}}`, 403, "create:items"},
		"an id that never existed":        {all, `{"1":{"price":1},"99":{"price":1},"100":null}`, 404, "99, 100"},
		"such an id with an invalid body": {all, `{"99":{"price":"x"}}`, 400, "99.price"},
		"an incomplete restoration":       {all, `{"3":{"price":1}}`, 400, "3.name 3.description 3.image"},
		"all wrong fields at once": {
			all, `{"2":{"name":"","colour":1},"1":{"price":"x","id":2},"3":{"price":-1,"name":"x","image":""}}`,
			400, "1.id 1.price 2.name 2.colour 3.price 3.description",
		},
		"a wrapped item":        {all, `{"1":{"item":{"price":1}}}`, 400, "1.item"},
		"keys that are no ids":  {all, `{"01":{},"+1":{},"1.0":{},"x":{},"0":{},"-1":null,"":{},"1":{"price":1}}`, 400, " +1 -1 0 01 1.0 x"},
		"values of other types": {all, `{"1":1,"2":"x","3":[],"4":true}`, 400, "1 2 3 4"},
		"a key twice":           {all, `{"1":{"price":1},"1":{"price":2}}`, 400, "1"},
		"an array":              {all, `[]`, 400, ""},
		"too many entries":      {all, `{` + many.String()[1:] + `}`, 400, ""},
		"too large":             {all, `{"1":{"description":"` + strings.Repeat("x", 1<<20) + `"}}`, 413, "1048576"},
		"a stale If-Match":      {append(a.admin(), "If-Match", `"stale"`), `{"1":{"price":1}}`, 412, ""},
		"another media type":    {append(a.admin(), "Content-Type", "text/plain"), `{"1":{"price":1}}`, 415, ""},
	} {
		r := a.do("PATCH", "/items", test.body, test.headers...)
		p := r.mustProblem(t)
		if r.status != test.status || p.fields() != test.fields && !strings.Contains(p.Detail, test.fields) {
			t.Errorf("%s: got %d %+v, want %d and %q", name, r.status, p, test.status, test.fields)
		}
		if r.status == 403 && !strings.Contains(r.header.Get("WWW-Authenticate"), `scope="`+test.fields+`"`) {
			t.Errorf("%s: got challenge %q, want the permission", name, r.header.Get("WWW-Authenticate"))
		}
	}
	if got := a.do("GET", "/items", "").body; got != before {
		t.Errorf("got menu %s after rejected requests, want %s", got, before)
	}
}

func TestPatchMenuPreconditions(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	etag := a.do("GET", "/items", "").header.Get("ETag")
	with := func(name, value string) []string { return append(a.admin(), name, value) }
	a.do("PATCH", "/items", `{"1":{"price":1}}`, with("If-Match", etag)...).assertStatus(t, 200)
	stale := a.do("PATCH", "/items", `{"1":{"price":2}}`, with("If-Match", etag)...)
	stale.assertStatus(t, 412)
	now := a.do("GET", "/items", "").header.Get("ETag")
	assertHeader(t, stale, "ETag", now)
	a.do("PATCH", "/items", `{"1":{"price":2}}`, with("If-None-Match", now)...).assertStatus(t, 412)
	a.do("PATCH", "/items", `{"1":{"price":3},"99":null}`, with("If-Match", etag)...).assertStatus(t, 404) // before 412
	a.do("PATCH", "/items", `{"1":{"price":2}}`, with("If-Match", "*")...).assertStatus(t, 200)
}

func TestPatchMenuIdempotencyKey(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	keyed := append(a.admin(), "Idempotency-Key", "bulk")
	etag := a.do("GET", "/items", "").header.Get("ETag")
	first := a.do("PATCH", "/items", `{"1":{"price":1},"2":null}`, append(keyed, "If-Match", etag)...)
	first.assertStatus(t, 200)
	a.do("PATCH", "/items/1", `{"price":2}`, a.admin()...).assertStatus(t, 200)
	again := a.do("PATCH", "/items", `{"1":{"price":1},"2":null}`, append(keyed, "If-Match", etag)...)
	if again.status != 200 || again.body != first.body {
		t.Errorf("got %d %s for a retry, want the first response %s", again.status, again.body, first.body)
	}
	a.do("PATCH", "/items", `{"1":{"price":3}}`, keyed...).assertStatus(t, 422)
	if price := a.mustMenu()["1"]["price"]; price != 2.0 {
		t.Errorf("got price %v, want the retry without effect", price)
	}
}

// A request that changes many items counts as one write.
func TestPatchMenuIsOneWrite(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *server.Options) { o.WritesPerMinute = 2 })
	for _, want := range []int{200, 200, 429} {
		a.do("PATCH", "/items", `{"1":{"price":1},"2":{"price":1},"3":{"price":1}}`, a.admin()...).assertStatus(t, want)
	}
}

func TestHistoryOfMenu(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	a.do("PATCH", "/items/2", `{"price":1}`, a.admin()...).assertStatus(t, 200)
	a.do("DELETE", "/items/1", "", a.admin()...).assertStatus(t, 200)
	var got []string
	path := "/history?limit=2"
	for {
		r := a.do("GET", path, "", a.as(items.UpdateItems)...)
		r.assertStatus(t, 200)
		for _, c := range mustDecode[[]change](t, r.body) {
			got = append(got, fmt.Sprint(c.ID, c.Action))
		}
		if r.header.Get("Link") == "" {
			break
		}
		path = mustNext(t, r)
	}
	if want := "1delete 2update 3create 2create 1create"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	for path, want := range map[string]int{
		"/history?limit=0": 400, "/history?after=x": 400, "/history?after=1": 400, "/history?after=1.2.3x": 400, "/history?after=1.2.3.4": 400,
		"/history?after=+1.2.3": 400, "/history?after=99999999999999999.1.1": 400, "/history?after=-99999999999999.1.1": 400,
	} {
		a.do("GET", path, "", a.admin()...).assertStatus(t, want)
	}
	a.do("GET", "/history", "").assertStatus(t, 401)
	a.do("GET", "/history", "", a.as(items.CreateItems, items.DeleteItems)...).assertStatus(t, 403)
	a.do("HEAD", "/history", "", a.admin()...).assertStatus(t, 200)
}

// The name in a token is in the history as a person reads it. A name that is not text does not invalidate the token.
func TestNameInHistory(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for name, test := range map[string]struct{ claim, want any }{
		"a name":              {"Charlie Chef", "Charlie Chef"},
		"no name":             {nil, nil},
		"a number":            {7, nil},
		"an object":           {map[string]any{"first": "Charlie"}, nil},
		"control characters":  {" a\u0000b\u202ec\n ", "abc"},
		"a very long name":    {strings.Repeat("ä", 300), strings.Repeat("ä", 200)},
		"only a bidi control": {"\u202e", nil},
	} {
		token := a.issuer.TokenWith(t, items.Permissions(), map[string]any{"name": test.claim, "aud": authztest.Audience})
		a.do("PATCH", "/items/1", `{"price":1}`, "Authorization", "Bearer "+token).assertStatus(t, 200)
		newest := mustDecode[[]map[string]any](t, a.do("GET", "/items/1/history?limit=1", "", a.admin()...).body)[0]
		if got := newest["byName"]; got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

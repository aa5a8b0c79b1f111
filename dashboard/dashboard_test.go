package dashboard

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gin-gonic/gin"

	"menu-api/content"
)

const script = "console.log('the menu')"

// built returns the output of a build with one script.
func built(tb testing.TB) fstest.MapFS {
	tb.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(script))
	_ = z.Close()
	return fstest.MapFS{
		"index.html":             {Data: []byte("<!doctype html><title>Menu</title>" + slotStart + "null" + slotEnd + "<p>end")},
		"assets/index-abc.js":    {Data: []byte(script)},
		"assets/index-abc.js.gz": {Data: packed.Bytes()},
		"assets/index-abc.js.br": {Data: []byte("brotli")},
	}
}

func options() Options {
	return Options{
		Settings: Settings{Name: "Chez <b>", Currency: "EUR", Issuer: "https://tenant.example.com/", ClientID: "page", Audience: "https://menu"},
		Menu:     func(context.Context) (any, error) { return []string{"Burger"}, nil },
		Item: func(_ context.Context, id string) (*Item, error) {
			switch id {
			case "1":
				return &Item{JSON: "Burger", Name: "Burger", Description: `"Tasty" </title>`, Image: "https://example.com/b.png?a=1&b=2"}, nil
			case "9":
				return nil, errors.New("the database failed")
			default:
				return nil, nil
			}
		},
		Cache: func(_ *gin.Context, _ string, render func(context.Context) (*content.Content, error)) (*content.Content, error) {
			return render(context.Background())
		},
	}
}

func mount(t *testing.T, files fstest.MapFS, o Options) http.Handler {
	t.Helper()
	d, err := newDashboard(files, o)
	if err != nil {
		t.Fatal(err)
	}
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	d.Mount(engine)
	return engine
}

func get(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPages(t *testing.T) {
	t.Parallel()
	h := mount(t, built(t), options())
	for path, test := range map[string]struct {
		status     int
		menu, item string
	}{
		"/":         {200, `["Burger"]`, "null"},
		"/profile":  {200, `["Burger"]`, "null"},
		"/activity": {200, `["Burger"]`, "null"},
		"/callback": {200, "null", "null"},
		"/menu/1":   {200, `["Burger"]`, `"Burger"`},
		"/menu/2":   {404, `["Burger"]`, "null"},
		"/menu/abc": {404, `["Burger"]`, "null"},
		"/menu/9":   {200, "null", "null"}, // the script in the page requests them
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			w := get(h, path)
			if w.Code != test.status {
				t.Errorf("got status %d, want %d", w.Code, test.status)
			}
			if got, want := w.Header().Get("Content-Type"), "text/html; charset=utf-8"; got != want {
				t.Errorf("got Content-Type %q, want %q", got, want)
			}
			var got struct {
				Settings   Settings
				Menu, Item json.RawMessage
			}
			if err := json.Unmarshal([]byte(bootstrapOf(t, w.Body.String())), &got); err != nil {
				t.Fatal(err)
			}
			if got.Settings != options().Settings {
				t.Errorf("got settings %+v, want %+v", got.Settings, options().Settings)
			}
			if string(got.Menu) != test.menu || string(got.Item) != test.item {
				t.Errorf("got menu %s and item %s, want %s and %s", got.Menu, got.Item, test.menu, test.item)
			}
		})
	}
}

// Every page has a title and a link preview. Those of an item have its name, and markup in them is escaped.
func TestLinkPreviews(t *testing.T) {
	t.Parallel()
	h := mount(t, built(t), options())
	for path, want := range map[string][]string{
		"/": {
			`<title>Chez &lt;b&gt;</title>`, `<meta name="description" content="What is on the menu today.">`,
			`<meta property="og:site_name" content="Chez &lt;b&gt;">`,
		},
		"/menu/1": {
			`<title>Burger · Chez &lt;b&gt;</title>`, `<meta name="description" content="&#34;Tasty&#34; &lt;/title&gt;">`,
			`<meta property="og:title" content="Burger · Chez &lt;b&gt;">`, `<meta property="og:description" content="&#34;Tasty&#34; &lt;/title&gt;">`,
			`<meta property="og:image" content="https://example.com/b.png?a=1&amp;b=2">`,
		},
		"/menu/2": {`<title>Chez &lt;b&gt;</title>`},
	} {
		page := get(h, path).Body.String()
		for _, element := range want {
			if !strings.Contains(page, element) {
				t.Errorf("%s: got %s, want %s", path, page, element)
			}
		}
		if hasImage := strings.Contains(page, "og:image"); hasImage != (path == "/menu/1") || strings.Count(page, "<title>") != 1 {
			t.Errorf("%s: got %s, want one title, and a picture only for an item", path, page)
		}
	}
}

// bootstrapOf returns the data of a page. As in a browser, the data ends at the first end tag.
func bootstrapOf(tb testing.TB, html string) string {
	tb.Helper()
	_, rest, found := strings.Cut(html, `<script type="application/json" id="bootstrap">`)
	data, after, closed := strings.Cut(rest, "</script")
	if !found || !closed || after != "><p>end" {
		tb.Fatalf("the data of the page is incomplete: %s", html)
	}
	return data
}

// Text of a malicious editor stays data.
func FuzzBootstrapStaysData(f *testing.F) {
	for _, hostile := range []string{
		"</script><script>alert(1)</script>", "<!--<script>", "</SCRIPT >", "\u2028\u2029", "&lt;/script&gt;", `"}`, "\x00", "\xff", "]]>",
	} {
		f.Add(hostile)
	}
	f.Fuzz(func(t *testing.T, hostile string) {
		o := options()
		o.Settings.Name = hostile
		d, err := newDashboard(built(t), o)
		if err != nil {
			t.Fatal(err)
		}
		html, err := d.render(bootstrap{Menu: hostile}, &Item{Name: hostile, Description: hostile, Image: hostile})
		if err != nil {
			t.Fatal(err)
		}
		data := bootstrapOf(t, string(html))
		if strings.ContainsAny(data, "<>&\u2028\u2029") {
			t.Errorf("the page contains %q as %s, want no markup characters", hostile, data)
		}
		var got struct{ Menu string }
		if err := json.Unmarshal([]byte(data), &got); err != nil {
			t.Fatal(err)
		}
		if want := strings.ToValidUTF8(hostile, "\uFFFD"); len([]rune(got.Menu)) != len([]rune(hostile)) && got.Menu != want {
			t.Errorf("got %q back, want %q", got.Menu, want)
		}
	})
}

func TestPageWithoutMenu(t *testing.T) {
	t.Parallel()
	o := options()
	o.Menu = func(context.Context) (any, error) { return nil, errors.New("the database failed") }
	w := get(mount(t, built(t), o), "/")
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"menu":null`) || strings.Contains(w.Body.String(), "failed") {
		t.Errorf("got %d %s, want 200 and a page without a menu and without the cause", w.Code, w.Body)
	}
}

func TestPageIsRevalidated(t *testing.T) {
	t.Parallel()
	h := mount(t, built(t), options())
	first := get(h, "/")
	etag := first.Header().Get("ETag")
	if got, want := first.Header().Get("Cache-Control"), "no-cache"; got != want {
		t.Errorf("got Cache-Control %q, want %q", got, want)
	}
	again := get(h, "/", "If-None-Match", etag)
	if again.Code != 304 || again.Body.Len() > 0 || again.Header().Get("ETag") != etag {
		t.Errorf("got %d with %d bytes and ETag %q, want a bare 304 with %q", again.Code, again.Body.Len(), again.Header().Get("ETag"), etag)
	}
	if other := get(h, "/callback", "If-None-Match", etag); other.Code != 200 {
		t.Errorf("got %d for another page, want 200", other.Code)
	}
}

func TestPageIsCompressed(t *testing.T) {
	t.Parallel()
	o := options()
	o.Menu = func(context.Context) (any, error) { return strings.Repeat("Burger ", 300), nil }
	h := mount(t, built(t), o)
	packed := get(h, "/", "Accept-Encoding", "gzip, deflate, br")
	if got := packed.Header().Get("Content-Encoding"); got != "gzip" {
		t.Fatalf("got Content-Encoding %q, want gzip", got)
	}
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	html, err := io.ReadAll(z)
	if plain := get(h, "/").Body.Bytes(); err != nil || !bytes.Equal(html, plain) {
		t.Errorf("got %q, %v; want the uncompressed page", html, err)
	}
}

func TestAssets(t *testing.T) {
	t.Parallel()
	h := mount(t, built(t), options())
	for accept, want := range map[string]struct{ coding, body string }{
		"":                        {"", script},
		"identity":                {"", script},
		"gzip;q=0, br;q=0":        {"", script},
		"br":                      {"br", "brotli"},
		"gzip, deflate, br, zstd": {"br", "brotli"},
		"BR;q=0.9, gzip;q=0.8":    {"br", "brotli"},
		"br;q=0.1, gzip":          {"gzip", string(built(t)["assets/index-abc.js.gz"].Data)},
		"*":                       {"br", "brotli"},
		"*;q=0":                   {"", script},
		"br;q=0, *":               {"gzip", string(built(t)["assets/index-abc.js.gz"].Data)},
		"gzip;q=1.0":              {"gzip", string(built(t)["assets/index-abc.js.gz"].Data)},
		"br;q=nonsense, ,;":       {"", script},
	} {
		t.Run(accept, func(t *testing.T) {
			t.Parallel()
			w := get(h, "/assets/index-abc.js", "Accept-Encoding", accept)
			if w.Code != 200 || w.Body.String() != want.body || w.Header().Get("Content-Encoding") != want.coding {
				t.Errorf("got %d, %q, %q; want 200, %q, %q", w.Code, w.Header().Get("Content-Encoding"), w.Body, want.coding, want.body)
			}
			for name, value := range map[string]string{
				"Cache-Control": "public, max-age=31536000, immutable",
				"Content-Type":  "text/javascript; charset=utf-8",
				"Vary":          "Accept-Encoding",
			} {
				if got := w.Header().Get(name); got != value {
					t.Errorf("got %s %q, want %q", name, got, value)
				}
			}
			etag := w.Header().Get("ETag")
			if again := get(h, "/assets/index-abc.js", "Accept-Encoding", accept, "If-None-Match", `"x", `+etag); again.Code != 304 {
				t.Errorf("got %d for its own tag, want 304", again.Code)
			}
		})
	}
}

func TestNoSuchAsset(t *testing.T) {
	t.Parallel()
	h := mount(t, built(t), options())
	for _, path := range []string{
		"/assets/", "/assets", "/assets/nope.js", "/assets/index-abc.js.gz", "/assets/../index.html", "/index.html", "/assets/%2e%2e/dashboard.go", "/menu", "/menu/1/x",
	} {
		if w := get(h, path); w.Code != 404 {
			t.Errorf("%s: got %d, want 404", path, w.Code)
		}
	}
}

func TestContentPolicy(t *testing.T) {
	t.Parallel()
	h := mount(t, built(t), options())
	for _, path := range []string{"/", "/menu/1", "/assets/index-abc.js"} {
		policy := "; " + get(h, path).Header().Get("Content-Security-Policy") + ";"
		for _, directive := range []string{
			"default-src 'none'", "script-src 'self'", "style-src 'self'", "worker-src 'self'", "frame-ancestors 'none'", "base-uri 'none'",
			"connect-src 'self' https://tenant.example.com", "frame-src https://tenant.example.com",
		} {
			if !strings.Contains(policy, "; "+directive+";") {
				t.Errorf("%s: the policy %q has no %q", path, policy, directive)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy %q allows unsafe sources", path, policy)
		}
	}
	if policy, err := contentPolicy(""); err != nil || !strings.Contains(policy, "connect-src 'self';") {
		t.Errorf("without an issuer: got %q, %v; want connections only to the API", policy, err)
	}
	for _, issuer := range []string{"tenant.example.com", "https://a;script-src *", "https://a b/", ":", "https:///"} {
		if policy, err := contentPolicy(issuer); err == nil {
			t.Errorf("%q: got the policy %q, want an error", issuer, policy)
		}
	}
}

func TestNotBuilt(t *testing.T) {
	t.Parallel()
	h := mount(t, fstest.MapFS{".gitignore": {}}, options())
	w := get(h, "/")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "make dashboard") || strings.Contains(w.Body.String(), "bootstrap") {
		t.Errorf("got %d %s, want a page that explains how to build it", w.Code, w.Body)
	}
}

func TestBrokenBuilds(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(fstest.MapFS){
		"no slot for the data": func(files fstest.MapFS) { files["index.html"] = &fstest.MapFile{Data: []byte("<p>")} },
		"no brotli":            func(files fstest.MapFS) { delete(files, "assets/index-abc.js.br") },
		"an unknown type":      func(files fstest.MapFS) { files["assets/a.exe.gz"] = &fstest.MapFile{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := built(t)
			change(files)
			if _, err := newDashboard(files, options()); err == nil {
				t.Error("got no error")
			}
		})
	}
}

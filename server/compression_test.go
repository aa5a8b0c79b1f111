package server_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"menu-api/docs/docstest"
	"menu-api/server"
)

// withLargeMenu adds items until each list is long enough to be compressed, and one item that is.
func withLargeMenu(tb testing.TB, a *api) {
	tb.Helper()
	for range 20 {
		a.do("POST", "/items", soup, a.admin()...).assertStatus(tb, 201)
	}
	long := fmt.Sprintf(`{"item":{"name":"Long","price":1,"description":%q,"image":""}}`, strings.Repeat("long ", 400))
	a.do("PUT", "/items/1", long, a.admin()...).assertStatus(tb, 200)
}

// TestCompressedResponses: public responses come in the coding that the client prefers, each coding with its own ETag.
func TestCompressedResponses(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *server.Options) { o.CORSOrigins = []string{"https://menu.example.com"} })
	withLargeMenu(t, a)
	for _, path := range []string{
		"/items", "/items?limit=10", "/items/1", "/api/menu/items", "/api/menu/items/1",
		"/openapi.yaml", "/openapi.json", "/docs/assets/swagger-ui-bundle.js",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			plain := a.do("GET", path, "", "Accept-Encoding", "identity")
			plain.assertStatus(t, 200)
			etags := []string{plain.header.Get("ETag")}
			for accept, want := range map[string]string{
				"gzip, deflate, br": "gzip", "zstd": "zstd", "gzip;q=0.5, identity": "", "gzip;q=0, br;q=0, zstd;q=0": "",
			} {
				if want == "zstd" && strings.Contains(path, "swagger") {
					continue // the module that it is from contains it compressed with gzip
				}
				got := a.do("GET", path, "", "Accept-Encoding", accept)
				assertHeader(t, got, "Content-Encoding", want)
				if body, err := docstest.Decompress(got.header, []byte(got.body)); err != nil || string(body) != plain.body {
					t.Errorf("%s: got %d bytes that decompress to another body, %v", accept, len(got.body), err)
				}
				if want != "" && len(got.body) > len(plain.body)*3/4 {
					t.Errorf("%s: got %d bytes, without compression %d", accept, len(got.body), len(plain.body))
				}
				if vary := got.header.Values("Vary"); !slices.Equal(vary, []string{"Origin", "Accept-Encoding"}) {
					t.Errorf("%s: got Vary %q, want Origin and Accept-Encoding", accept, vary)
				}
				etag := got.header.Get("ETag")
				if want != "" && slices.Contains(etags, etag) {
					t.Errorf("%s: got the ETag %s of another coding", accept, etag)
				}
				etags = append(etags, etag)

				again := a.do("GET", path, "", "Accept-Encoding", accept, "If-None-Match", etag)
				again.assertStatus(t, 304)
				assertHeader(t, again, "ETag", etag)
				assertHeader(t, again, "Content-Encoding", "")
				head := a.do("HEAD", path, "", "Accept-Encoding", accept)
				assertHeader(t, head, "Content-Length", strconv.Itoa(len(got.body)))
				assertHeader(t, head, "Content-Encoding", want)
			}
		})
	}
}

// TestUncompressedResponses: nothing that depends on a token is compressed, nor are problems, event streams and small bodies.
func TestUncompressedResponses(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	withLargeMenu(t, a)
	long := a.do("GET", "/items/1", "").body
	for _, request := range []struct {
		name, method, path, body string
		headers                  []string
		want                     int
	}{
		{"small item", "GET", "/items/2", "", nil, 200},
		{"problem", "GET", "/items/99", "", nil, 404},
		{"long problem", "POST", "/items", "{" + manyNames(20) + "}", a.admin(), 400},
		{"stream", "HEAD", "/items/events", "", nil, 200},
		{"permissions", "GET", "/me", "", a.admin(), 200},
		{"history", "GET", "/items/1/history", "", a.admin(), 200},
		{"write", "PUT", "/items/1", long, a.admin(), 200},
		{"probe", "GET", "/healthz", "", nil, 200},
	} {
		t.Run(request.name, func(t *testing.T) {
			t.Parallel()
			got := a.do(request.method, request.path, request.body, append(request.headers, "Accept-Encoding", "gzip, zstd, br")...)
			got.assertStatus(t, request.want)
			assertHeader(t, got, "Content-Encoding", "")
		})
	}
}

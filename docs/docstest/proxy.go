package docstest

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// Proxy puts itself between clients that are programs of their own and the API, and returns its URL. It fails the test for
// an answer that the document does not allow.
func Proxy(tb testing.TB, api string) string {
	tb.Helper()
	target, err := url.Parse(api)
	if err != nil {
		tb.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     Transport(tb, http.DefaultTransport),
		FlushInterval: -1, // events go through at once
	})
	tb.Cleanup(proxy.Close)
	return proxy.URL
}

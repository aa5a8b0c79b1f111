package docstest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// Transport returns a transport that fails the test if the document does not allow an exchange.
func Transport(tb testing.TB, next http.RoundTripper) http.RoundTripper {
	return transport{tb, next}
}

type transport struct {
	tb   testing.TB
	next http.RoundTripper
}

// RoundTrip checks the exchange when the caller has read the response to its end, or closes it before.
func (t transport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	received := *response
	received.Header = response.Header.Clone()
	response.Body = &checkedBody{ReadCloser: response.Body, check: func(body []byte) {
		if err := Check(request, &received, body); err != nil {
			t.tb.Errorf("the OpenAPI document does not allow this exchange:\n%v\n%s %s: %d %.500s",
				err, request.Method, request.URL.Path, received.StatusCode, body)
		}
	}}
	return response, nil
}

// CloseIdleConnections implements the method that http.Client.CloseIdleConnections calls.
func (t transport) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// checkedBody keeps a copy of the body for the check.
type checkedBody struct {
	io.ReadCloser
	read  bytes.Buffer
	check func(body []byte) // nil after the call
}

func (b *checkedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read.Write(p[:n])
	if err == io.EOF {
		b.end(append([]byte{}, b.read.Bytes()...))
	}
	return n, err
}

func (b *checkedBody) Close() error {
	b.end(nil)
	return b.ReadCloser.Close()
}

func (b *checkedBody) end(body []byte) {
	if check := b.check; check != nil {
		b.check = nil
		check(body)
	}
}

// Proxy starts a proxy for clients that are separate programs, and returns its URL. It fails the test like Transport.
func Proxy(tb testing.TB, api string) string {
	tb.Helper()
	target, err := url.Parse(api)
	if err != nil {
		tb.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			if r.Out.Body == nil {
				return
			}
			body, _ := io.ReadAll(r.Out.Body) // an incomplete body fails at the API
			r.Out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
			r.Out.Body, _ = r.Out.GetBody()
		},
		Transport:     Transport(tb, http.DefaultTransport),
		FlushInterval: -1, // pass events on at once
	})
	tb.Cleanup(proxy.Close)
	return proxy.URL
}

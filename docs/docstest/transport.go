package docstest

import (
	"bytes"
	"io"
	"net/http"
	"testing"
)

// Transport returns a transport that fails the test when an answer is not one that the document allows.
func Transport(tb testing.TB, next http.RoundTripper) http.RoundTripper {
	return transport{tb, next}
}

type transport struct {
	tb   testing.TB
	next http.RoundTripper
}

// RoundTrip judges the answer when its body has been read to the end, or when it is closed before.
func (t transport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	answer := Answer{
		Method: request.Method, Path: request.URL.EscapedPath(),
		Status: response.StatusCode, Header: response.Header.Clone(),
	}
	response.Body = &judgedBody{ReadCloser: response.Body, judge: func(body []byte) {
		answer.Body = body
		Check(t.tb, answer)
	}}
	return response, nil
}

// CloseIdleConnections is what http.Client's method of this name calls.
func (t transport) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// Check fails the test when an answer is not one that the document allows.
func Check(tb testing.TB, a Answer) {
	tb.Helper()
	if err := Load().Check(a); err != nil {
		const most = 500
		tb.Errorf("the OpenAPI document does not allow this answer:\n%v\n%s %s: %d %.*s", err, a.Method, a.Path, a.Status, most, a.Body)
	}
}

// judgedBody keeps what is read, for the judge.
type judgedBody struct {
	io.ReadCloser
	read  bytes.Buffer
	judge func(body []byte) // nil when it was called
}

func (b *judgedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read.Write(p[:n])
	if err == io.EOF {
		b.end(append([]byte{}, b.read.Bytes()...))
	}
	return n, err
}

// Close judges the answer without its body if that was not read to its end.
func (b *judgedBody) Close() error {
	b.end(nil)
	return b.ReadCloser.Close()
}

func (b *judgedBody) end(body []byte) {
	if judge := b.judge; judge != nil {
		b.judge = nil
		judge(body)
	}
}

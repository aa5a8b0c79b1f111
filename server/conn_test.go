package server_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/server"
)

// TestFixedFieldsOnce sends requests of all kinds on one connection: each answer has the fields of every answer once, and
// neither 100 Continue nor a body that looks like an answer gets them instead.
func TestFixedFieldsOnce(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	statusLines := strings.Repeat("HTTP/1.1 200 OK\r\n", 50)
	for range 100 { // so that a list is written in several pieces, some of which may begin with such a line
		body := fmt.Sprintf(`{"item":{"name":"x","price":1,"description":%q,"image":"https://example.com/a.png"}}`, statusLines)
		a.do("POST", "/items", body, a.admin()...).assertStatus(t, 201)
	}
	list := a.do("GET", "/items", "")
	post := "POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " +
		a.issuer.Token(t, items.CreateItems) + "\r\nContent-Length: 2\r\n"

	answers, closed := exchange(t, a.url, strings.Join([]string{
		"GET /items HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /items HTTP/1.1\r\nHost: x\r\nIf-None-Match: " + list.header.Get("ETag") + "\r\n\r\n",
		"GET /items HTTP/1.1\r\nHost: x\r\nOrigin: https://example.com\r\n\r\n",
		"GET /nope HTTP/1.1\r\nHost: x\r\n\r\n",
		"OPTIONS /items HTTP/1.1\r\nHost: x\r\nOrigin: https://example.com\r\nAccess-Control-Request-Method: POST\r\n\r\n",
		post + "\r\n{}",
		post + "Expect: 100-continue\r\n\r\n{}",
		"GET /items/1 HTTP/1.0\r\n\r\n",
	}, ""))
	var got []int
	for _, r := range answers {
		got = append(got, r.status)
		for _, name := range []string{"X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Resource-Policy"} {
			if n := len(r.header.Values(name)); n != 1 {
				t.Errorf("%d: %s comes %d times, want once", r.status, name, n)
			}
		}
	}
	if want := []int{200, 304, 200, 404, 204, 400, 400, 200}; fmt.Sprint(got) != fmt.Sprint(want) || !closed {
		t.Fatalf("got %v, closed %t, want %v and closed", got, closed, want)
	}
	if answers[0].body != list.body {
		t.Error("the list on this connection is not what it was")
	}
}

// TestHangUpIsNoticed has clients leave at all times while their request waits for the store, which must not go on waiting
// for nobody.
func TestHangUpIsNoticed(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 50 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			asked, left := make(chan struct{}), make(chan struct{})
			a := newAPI(t, func(o *server.Options) {
				o.Store = brokenStore{o.Store, func(ctx context.Context) error {
					close(asked)
					<-ctx.Done()
					close(left)
					return ctx.Err()
				}}
			})
			client, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			// On a connection that has had an answer already, as most have.
			for _, path := range []string{"/nope", "/items/1"} {
				if _, err := fmt.Fprintf(client, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
					t.Fatal(err)
				}
			}
			<-asked
			time.Sleep(after)
			_ = client.Close()
			select {
			case <-left:
			case <-time.After(5 * time.Second):
				t.Error("the store is still being asked 5 s after the client hung up")
			}
		})
	}
}

package server_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"menu-api/server"
)

// slowLog writes each line as slowly as on a busy machine.
type slowLog struct{ slog.Handler }

func (l slowLog) Handle(ctx context.Context, r slog.Record) error {
	time.Sleep(400 * time.Millisecond)
	return l.Handler.Handle(ctx, r)
}

// TestRejectionsLeaveTheConnectionUsable: a problem that is sent slowly does not cancel the next request on the connection.
func TestRejectionsLeaveTheConnectionUsable(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *server.Options) { o.Logger = slog.New(slowLog{o.Logger.Handler()}) })
	for _, rejected := range []struct{ method, path, body string }{
		{"GET", "/items/99", ""},
		{"POST", "/items", `{"item":{}}`},
	} {
		r := a.do(rejected.method, rejected.path, rejected.body, a.admin()...)
		if r.status != 404 && r.status != 400 {
			t.Errorf("%s %s: got %d %s, want 400 or 404", rejected.method, rejected.path, r.status, r.body)
		}
		a.do("GET", "/items/1", "").assertStatus(t, 200)
	}
}

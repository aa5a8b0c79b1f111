package server_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"menu-api/server"
)

// slowLog is as slow as a log on a busy machine.
type slowLog struct{ slog.Handler }

func (l slowLog) Handle(ctx context.Context, r slog.Record) error {
	time.Sleep(400 * time.Millisecond)
	return l.Handler.Handle(ctx, r)
}

// TestRefusalsLeaveTheConnectionUsable: a problem that is sent slowly does not cancel the next request on the connection.
func TestRefusalsLeaveTheConnectionUsable(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *server.Options) { o.Logger = slog.New(slowLog{o.Logger.Handler()}) })
	for _, refused := range []struct{ method, path, body string }{
		{"GET", "/items/99", ""},
		{"POST", "/items", `{"item":{}}`},
	} {
		r := a.do(refused.method, refused.path, refused.body, a.admin()...)
		if r.status != 404 && r.status != 400 {
			t.Errorf("%s %s: got %d %s, want a refusal", refused.method, refused.path, r.status, r.body)
		}
		a.do("GET", "/items/1", "").assertStatus(t, 200)
	}
}

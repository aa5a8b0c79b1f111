package server_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"menu-api/items"
	"menu-api/server"
	"menu-api/server/telemetry"
)

// newReplicas starts two APIs over one database, for tokens of one issuer.
func newReplicas(tb testing.TB) (one, two *api) {
	tb.Helper()
	url := newDatabase(tb)
	return newReplicasWith(tb, func() items.Store { return openStoreAt(tb, url) })
}

// newReplicasWith starts two APIs over the stores that open returns, two on one database.
func newReplicasWith(tb testing.TB, open func() items.Store) (one, two *api) {
	tb.Helper()
	var options server.Options
	one = newAPI(tb, func(o *server.Options) {
		o.Store = open()
		options = *o
	})
	two = newAPI(tb, func(o *server.Options) {
		*o = options
		o.Store, o.Metrics = open(), telemetry.NewMetrics()
	})
	two.issuer = one.issuer
	return one, two
}

// connections are the ways to a database. PgBouncer comes with the build tag external.
var connections = map[string]func(testing.TB) string{"directly": newDatabase}

// Both replicas send the same responses, including ETags and the responses to retries.
func TestReplicasAgree(t *testing.T) {
	t.Parallel()
	for name, database := range connections {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := database(t)
			one, two := newReplicasWith(t, func() items.Store { return openStoreAt(t, url) })
			testReplicasAgree(t, one, two)
		})
	}
}

func testReplicasAgree(t *testing.T, one, two *api) {
	t.Helper()
	admin := one.admin()
	for i := range 10 {
		writer, reader := one, two
		if i%2 == 1 {
			writer, reader = two, one
		}
		keyed := slices.Concat(admin, []string{"Idempotency-Key", fmt.Sprint("key ", i)})
		created := writer.do("POST", "/items", soup, keyed...)
		created.assertStatus(t, 201)
		path := created.header.Get("Location")
		read := reader.do("GET", path, "")
		if read.body != created.body {
			t.Errorf("got %s from the other replica, want %s", read.body, created.body)
		}
		assertHeader(t, read, "ETag", created.header.Get("ETag"))
		again := reader.do("POST", "/items", soup, keyed...)
		assertHeader(t, again, "Location", path)

		changed := reader.do("PATCH", path, `{"price":7}`, append(admin[:2:2], "If-Match", created.header.Get("ETag"))...)
		changed.assertStatus(t, 200)
		stale := writer.do("PATCH", path, `{"price":8}`, append(admin[:2:2], "If-Match", created.header.Get("ETag"))...)
		stale.assertStatus(t, 412)
		assertHeader(t, stale, "ETag", changed.header.Get("ETag"))
		reader.do("DELETE", path, "", admin...).assertStatus(t, 200)
		writer.do("GET", path, "").assertStatus(t, 404)
		writer.do("POST", path+"/restore", "", admin...).assertStatus(t, 200)
		reader.do("GET", path, "").assertStatus(t, 200)
	}
	if a, b := one.do("GET", "/items", ""), two.do("GET", "/items", ""); a.body != b.body || a.header.Get("ETag") != b.header.Get("ETag") {
		t.Errorf("got menus\n%s\n%s\nwant the same from both", a.body, b.body)
	}
}

// A write of another process is visible soon, even if the response cache has the old menu: through the change feed, or within a
// second without it.
func TestWritesOfOtherProcessesAreVisible(t *testing.T) {
	t.Parallel()
	for name, feed := range map[string]bool{"with the feed": true, "without the feed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			other := openStoreAt(t, url)
			a := newAPI(t, func(o *server.Options) {
				o.Store = openStoreAt(t, url)
				if !feed {
					o.Store = feedless{o.Store}
				}
			})
			paths := []string{"/items", "/items?sort=name", "/items?limit=1", "/items/1"}
			created, err := other.Create(t.Context(), items.AuditInfo{By: "other"}, items.Item{Name: "Old"})
			must(t, err)
			for range 3 {
				for _, path := range paths {
					a.do("GET", path, "")
				}
			}
			_, err = other.Update(t.Context(), items.AuditInfo{By: "other"}, created.ID, func(item items.Item) (items.Item, error) {
				item.Name = "Aaa New"
				return item, nil
			})
			must(t, err)
			for _, path := range paths {
				waitFor(t, func() bool { return strings.Contains(a.do("GET", path, "").body, "Aaa New") })
			}
		})
	}
}

// feedless is a store whose feed never changes.
type feedless struct{ items.Store }

func (feedless) Feed(context.Context) (items.Feed, error) { return items.Feed{ID: "none"}, nil }

func (feedless) Changes(context.Context, int64, int) ([]items.Change, error) { return nil, nil }

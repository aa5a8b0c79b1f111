//go:build unix

package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"menu-api/authz/authztest"
	"menu-api/items"
)

// visibleWithin is the maximum time until a change on one replica is visible on all others.
const visibleWithin = time.Second

// withTwoReplicas runs a test with two programs on one database of each engine, and on PostgreSQL also without NOTIFY.
func withTwoReplicas(t *testing.T, test func(t *testing.T, one, two *replica)) {
	t.Helper()
	for engine, newDatabase := range engines {
		for _, notify := range []bool{true, false} {
			if engine == "SQLite" && !notify {
				continue
			}
			t.Run(fmt.Sprintf("%s, DATABASE_NOTIFY=%t", engine, notify), func(t *testing.T) {
				t.Parallel()
				one := newReplica(t, authztest.NewIssuer(t), newDatabase(t), fmt.Sprint("DATABASE_NOTIFY=", notify))
				two := &replica{tenant: one.tenant, database: one.database, settings: one.settings, addr: mustFindAddr(t), shared: one.shared}
				two.start(t)
				test(t, one, two)
			})
		}
	}
}

// eventually waits until the condition is true. It returns false if the condition is still false after visibleWithin.
func eventually(condition func() bool) bool {
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		isLast := time.Since(start) > visibleWithin
		if condition() {
			return true
		}
		if isLast {
			return false
		}
	}
}

// price reads the item's price from the replica.
func (r *replica) price(t *testing.T, id int64) items.Price {
	t.Helper()
	response, err := http.Get(fmt.Sprint(r.api(), "/items/", id))
	if err != nil {
		t.Error(err)
		return -1
	}
	defer func() { _ = response.Body.Close() }()
	var item items.Item
	if err := json.NewDecoder(response.Body).Decode(&item); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("got %s, %v, want the item", response.Status, err)
	}
	return item.Price
}

// A client reads its own writes on the replica that made them. On another replica, it reads the changes in order, each after at
// most a second.
func TestSessionsAcrossReplicas(t *testing.T) {
	t.Parallel()
	withTwoReplicas(t, func(t *testing.T, one, two *replica) {
		writer, id := one.writers[0], one.shared.id
		done := make(chan struct{})
		var readers sync.WaitGroup
		for _, replica := range []*replica{one, two, two} {
			readers.Go(func() {
				for last := items.Price(0); ; {
					select {
					case <-done:
						return
					default:
					}
					price := replica.price(t, id)
					if price < last {
						t.Errorf("got %v after %v, want no older price", price, last)
						return
					}
					last = price
					time.Sleep(time.Millisecond) // leaves CPU time for the programs
				}
			})
		}
		for i := items.Price(1); i <= 60; i++ {
			answer, err := writer.do(http.MethodPatch, fmt.Sprint("/items/", id), fmt.Sprintf(`{"price":%v}`, i), nil)
			if err != nil || answer.status != http.StatusOK {
				t.Fatalf("got %+v, %v", answer, err)
			}
			if got := one.price(t, id); got != i {
				t.Errorf("got %v immediately after %v was written", got, i)
			}
			if i%20 == 0 {
				if !eventually(func() bool { return two.price(t, id) == i }) {
					t.Errorf("got another price on the other replica %v after %v was written", visibleWithin, i)
				}
			}
		}
		close(done)
		readers.Wait()
	})
}

// A paused replica delays no other replica, and serves nothing old when it continues. On SQLite, it can be paused while it holds
// the lock of a write: then the other replica responds with 503 until it continues.
func TestPausedReplica(t *testing.T) {
	t.Parallel()
	withTwoReplicas(t, func(t *testing.T, one, two *replica) {
		for _, w := range one.writers[crashWriters/2:] {
			w.api = two.api()
		}
		stop, answers := make(chan struct{}), [2]atomic.Int64{}
		var writing sync.WaitGroup
		for i, w := range one.writers {
			writing.Go(func() { w.writeUntil(stop, &answers[i/(crashWriters/2)]) })
		}
		for answers[0].Load() < 20 || answers[1].Load() < 20 {
			time.Sleep(time.Millisecond)
		}
		must(t, two.Process.Signal(syscall.SIGSTOP))
		before := answers[0].Load()
		time.Sleep(2 * time.Second)
		during := answers[0].Load() - before
		must(t, two.Process.Signal(syscall.SIGCONT))
		if during < 20 && one.database[:6] != "sqlite" {
			t.Errorf("got %d responses while the other replica was paused, want as many as before", during)
		}
		time.Sleep(visibleWithin)
		close(stop)
		writing.Wait()
		for _, w := range one.writers {
			must(t, w.resolve(t.Context()))
		}
		if !eventually(func() bool { return menuOf(t, one) == menuOf(t, two) }) {
			t.Errorf("got menus\n%s\n%s\nwant the same", menuOf(t, one), menuOf(t, two))
		}
		var sum tally
		one.inspect(t, &sum) // no write is lost, incomplete or duplicated
	})
}

func menuOf(t *testing.T, r *replica) string {
	t.Helper()
	response, err := http.Get(r.api() + "/items")
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return response.Header.Get("ETag") + string(body)
}

// An import locks an SQLite database until it ends. Writes wait, and then get 503; reads are not affected.
func TestWritesDuringAnImport(t *testing.T) {
	t.Parallel()
	r := newReplica(t, authztest.NewIssuer(t), newFile(t))
	command := r.command(t, "import", "-", "--format=csv")
	input, err := command.StdinPipe()
	must(t, err)
	must(t, command.Start())
	_, err = io.WriteString(input, "name,price,description,image\nImported,1,,\n")
	must(t, err)
	path := fmt.Sprint("/items/", r.shared.id)
	busy := false
	for deadline := time.Now().Add(time.Minute); !busy && time.Now().Before(deadline); { // until the import has begun
		_, err := r.writers[0].do(http.MethodPatch, path, `{"price":1}`, nil)
		busy = err != nil
	}
	if !busy {
		t.Error("every write got a response while the database was locked")
	}
	r.price(t, r.shared.id)
	must(t, input.Close())
	must(t, command.Wait())
	if answer, err := r.writers[0].do(http.MethodPatch, path, `{"price":2}`, nil); err != nil || answer.status != http.StatusOK {
		t.Errorf("after the import: got %+v, %v, want 200", answer, err)
	}
	if got := r.price(t, r.shared.id); got != 200 {
		t.Errorf("got price %v, want 2", got)
	}
}

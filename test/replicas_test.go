package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"menu-api/authz/authztest"
	"menu-api/items"
	"menu-api/items/postgres/pgtest"
)

// visibleWithin is how soon a change on one replica is seen on every other.
const visibleWithin = time.Second

// eachKindOfReplicas runs a test with two programs on one database, of each kind.
func eachKindOfReplicas(t *testing.T, test func(t *testing.T, one, two *victim)) {
	t.Helper()
	sqliteFile := func(tb testing.TB) string { return "sqlite:" + filepath.Join(tb.TempDir(), "menu.db") }
	for name, kind := range map[string]struct {
		database func(testing.TB) string
		notify   bool
	}{
		"SQLite":                    {sqliteFile, true},
		"PostgreSQL":                {pgtest.NewDatabase, true},
		"PostgreSQL without NOTIFY": {pgtest.NewDatabase, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one := newVictim(t, authztest.NewIssuer(t), kind.database(t), fmt.Sprint("DATABASE_NOTIFY=", kind.notify))
			two := &victim{t: t, tenant: one.tenant, database: one.database, settings: one.settings, port: unusedPort(t), shared: one.shared}
			t.Cleanup(one.kill)
			two.start()
			t.Cleanup(two.kill)
			test(t, one, two)
		})
	}
}

// price reads the item's price from the replica.
func (v *victim) price(t *testing.T, id int64) items.Price {
	t.Helper()
	response, err := http.Get(fmt.Sprint(v.api(), "/items/", id))
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

// Who writes on a replica reads there what he wrote. Who reads on another sees the changes in their order, never goes
// back, and sees each after a second at the latest.
func TestSessionsAcrossReplicas(t *testing.T) {
	t.Parallel()
	eachKindOfReplicas(t, func(t *testing.T, one, two *victim) {
		writer, id := one.writers[0], one.shared.id
		done := make(chan struct{})
		var readers sync.WaitGroup
		for _, replica := range []*victim{one, two, two} {
			readers.Go(func() {
				for last := items.Price(0); ; {
					select {
					case <-done:
						return
					default:
					}
					price := replica.price(t, id)
					if price < last {
						t.Errorf("got %v after %v: a read that goes back", price, last)
						return
					}
					last = price
				}
			})
		}
		for i := items.Price(1); i <= 60; i++ {
			answer, err := writer.do(http.MethodPatch, fmt.Sprint("/items/", id), fmt.Sprintf(`{"price":%v}`, i), nil)
			if err != nil || answer.status != http.StatusOK {
				t.Fatalf("got %+v, %v", answer, err)
			}
			if got := one.price(t, id); got != i {
				t.Errorf("got %v where %v was just written", got, i)
			}
			if i%20 == 0 {
				time.Sleep(visibleWithin)
				if got := two.price(t, id); got != i {
					t.Errorf("got %v on the other replica, %v after %v was written", got, visibleWithin, i)
				}
			}
		}
		close(done)
		readers.Wait()
	})
}

// A replica that stands still for a while holds nobody up, and has nothing old to tell when it goes on. On SQLite it may
// have stopped in the middle of a write, with the lock: then the other answers 503 until it goes on.
func TestReplicaThatIsPaused(t *testing.T) {
	t.Parallel()
	eachKindOfReplicas(t, func(t *testing.T, one, two *victim) {
		for _, w := range one.writers[tortureWriters/2:] {
			w.api = two.api()
		}
		stop, answers := make(chan struct{}), [2]atomic.Int64{}
		var storm sync.WaitGroup
		for i, w := range one.writers {
			storm.Go(func() { w.storm(stop, &answers[i/(tortureWriters/2)]) })
		}
		for answers[0].Load() < 20 || answers[1].Load() < 20 {
			time.Sleep(time.Millisecond)
		}
		must(t, two.process.Process.Signal(syscall.SIGSTOP))
		before := answers[0].Load()
		time.Sleep(2 * time.Second)
		during := answers[0].Load() - before
		must(t, two.process.Process.Signal(syscall.SIGCONT))
		if during < 20 && one.database[:6] != "sqlite" {
			t.Errorf("got %d answers while the other replica stood still, want them as ever", during)
		}
		time.Sleep(visibleWithin)
		close(stop)
		storm.Wait()
		for _, w := range one.writers {
			must(t, w.resolve(t.Context()))
		}
		time.Sleep(visibleWithin)
		if a, b := menuOf(t, one), menuOf(t, two); a != b {
			t.Errorf("got menus\n%s\n%s\nwant the same", a, b)
		}
		var sum tally
		one.inspect(&sum) // nothing lost, halved or doubled
	})
}

func menuOf(t *testing.T, v *victim) string {
	t.Helper()
	response, err := http.Get(v.api() + "/items")
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return response.Header.Get("ETag") + string(body)
}

// An import keeps an SQLite database locked for as long as it takes. Writes wait, and are then told to come again; reads
// do not notice.
func TestWritesDuringAnImport(t *testing.T) {
	t.Parallel()
	v := newVictim(t, authztest.NewIssuer(t), "sqlite:"+filepath.Join(t.TempDir(), "menu.db"))
	t.Cleanup(v.kill)
	command := v.program("import", "-", "--format=csv")
	input, err := command.StdinPipe()
	must(t, err)
	must(t, command.Start())
	_, err = io.WriteString(input, "name,price,description,image\nImported,1,,\n")
	must(t, err)
	path := fmt.Sprint("/items/", v.shared.id)
	refused := false
	for deadline := time.Now().Add(time.Minute); !refused && time.Now().Before(deadline); { // until the import has begun
		_, err := v.writers[0].do(http.MethodPatch, path, `{"price":1}`, nil)
		refused = err != nil
	}
	if !refused {
		t.Error("every write was answered while the database was locked")
	}
	v.price(t, v.shared.id)
	must(t, input.Close())
	must(t, command.Wait())
	if answer, err := v.writers[0].do(http.MethodPatch, path, `{"price":2}`, nil); err != nil || answer.status != http.StatusOK {
		t.Errorf("after the import: got %+v, %v, want 200", answer, err)
	}
	if got := v.price(t, v.shared.id); got != 200 {
		t.Errorf("got price %v, want 2", got)
	}
}

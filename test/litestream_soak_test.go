//go:build external && soak

package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"menu-api/authz/authztest"
)

const litestream = "github.com/benbjohnson/litestream/cmd/litestream@v0.5.18"

// TestLitestream replicates a database while clients write, kills the server and Litestream, and restores the replica. It has
// every acknowledged write except those of the last seconds. Each round continues with the database that the last one restored.
func TestLitestream(t *testing.T) {
	t.Parallel()
	const (
		rounds  = 3
		phase   = 5 * time.Second
		maxLoss = 5 * time.Second // docs/backup.md sets a sync interval of one second, and the machine can be busy
		maxWAL  = 64 << 20
	)
	folder := t.TempDir()
	install := exec.CommandContext(t.Context(), "go", "install", litestream)
	install.Env = append(os.Environ(), "GOBIN="+folder)
	if output, err := install.CombinedOutput(); err != nil {
		t.Fatalf("go install %s: %v\n%s", litestream, err, output)
	}
	program, tenant := filepath.Join(folder, "litestream"), authztest.NewIssuer(t)
	r := newReplica(t, tenant, newFile(t))
	for round := range rounds {
		file := strings.TrimPrefix(r.database, "sqlite:")
		name := filepath.Join(folder, fmt.Sprint("replica-", round))
		config := filepath.Join(folder, "litestream.yml")
		must(t, os.WriteFile(config, fmt.Appendf(nil, "dbs: [{path: %s, replica: {path: %s, sync-interval: 1s}}]\n", file, name), 0o600))
		replicate := func() *process { return startProcess(t, exec.Command(program, "replicate", "-config", config)) }

		stop, recorder := make(chan struct{}), &recorder{acknowledged: map[int64]time.Time{}}
		var writing sync.WaitGroup
		for _, w := range r.writers {
			writing.Go(func() { recorder.writeUntil(stop, w) })
		}
		replication := replicate()
		time.Sleep(phase)
		// Without Litestream, the server truncates the WAL. Litestream has to notice that.
		replication.kill()
		time.Sleep(phase)
		replication = replicate()
		time.Sleep(phase)
		wal, err := os.Stat(file + "-wal")
		must(t, err)
		r.kill()
		replication.kill()
		killed := time.Now()
		close(stop)
		writing.Wait()

		restored := filepath.Join(folder, fmt.Sprint("restored-", round, ".db"))
		if output, err := exec.CommandContext(t.Context(), program, "restore", "-o", restored, "file://"+name).CombinedOutput(); err != nil {
			t.Fatalf("restore: %v\n%s\n%s", err, output, mustReadFile(t, replication.log))
		}
		r.database = "sqlite:" + restored
		r.start(t)
		found, lost, loss := r.exportIDs(t), 0, time.Duration(0)
		for id, at := range recorder.acknowledged {
			if !found[id] {
				lost, loss = lost+1, max(loss, killed.Sub(at))
			}
		}
		t.Logf("round %d: %d writes, %d lost, of the last %v; a WAL of %d KiB", round, len(recorder.acknowledged), lost, loss.Round(time.Millisecond), wal.Size()>>10)
		if loss > maxLoss || len(recorder.acknowledged) < 100 {
			t.Errorf("got a loss of the last %v of %d writes, want at most %v\n%s", loss, len(recorder.acknowledged), maxLoss, mustReadFile(t, replication.log))
		}
		if wal.Size() > maxWAL {
			t.Errorf("got a WAL of %d bytes, want at most %d", wal.Size(), maxWAL)
		}
		// A restored database is a consistent snapshot of the original, so ids have no gaps.
		for id := range int64(len(found)) {
			if !found[id+1] {
				t.Fatalf("got %d items without item %d", len(found), id+1)
			}
		}
		if _, sound := r.checkDatabase(t); !sound {
			t.Fatal("the restored database is damaged")
		}
	}
}

// recorder has the ids of new items, and the times at which their creation was acknowledged.
type recorder struct {
	mu           sync.Mutex
	acknowledged map[int64]time.Time
}

// writeUntil creates items until stop is closed or a request gets no response.
func (r *recorder) writeUntil(stop <-chan struct{}, w *writer) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		answer, err := w.do(http.MethodPost, "/items", `{"name":"Replicated","price":1,"description":"","image":""}`, nil)
		if err != nil {
			return
		}
		var created struct{ ID int64 }
		if err := json.Unmarshal([]byte(answer.body), &created); err != nil || answer.status != http.StatusCreated {
			continue
		}
		r.mu.Lock()
		r.acknowledged[created.ID] = time.Now()
		r.mu.Unlock()
	}
}

// exportIDs returns the ids of all items in the database.
func (r *replica) exportIDs(t *testing.T) map[int64]bool {
	t.Helper()
	out, err := r.command(t, "export", "--history=false").Output()
	must(t, err)
	found := map[int64]bool{}
	for line := range strings.Lines(string(out)) {
		var record struct{ Item *struct{ ID int64 } }
		must(t, json.Unmarshal([]byte(line), &record))
		if record.Item != nil {
			found[record.Item.ID] = true
		}
	}
	return found
}

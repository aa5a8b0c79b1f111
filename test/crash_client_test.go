package test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"menu-api/items"
)

// attempt is a write that a client sends, and the entry that the history of the item must then have.
type attempt struct {
	action   items.Action
	item     *ledger // nil for a new item
	name     string  // of a new item
	price    items.Price
	key      string // the Idempotency-Key of a POST
	repeated bool   // it was sent before and got no response
	applied  bool   // the first request had an effect
}

// entry is a change that must be in the history of an item.
type entry struct {
	action items.Action
	price  items.Price
}

// ledger has the changes of an item that its only writer knows, version 1 first.
type ledger struct {
	id      int64
	name    string
	etag    string
	entries []entry
}

func (l *ledger) last() entry { return l.entries[len(l.entries)-1] }

// sharedItem is an item that all writers change at once. Each change has another price.
type sharedItem struct {
	id       int64
	mu       sync.Mutex
	answered map[items.Price]bool
	unknown  map[items.Price]bool
}

// writer is one client. It writes until a request gets no response, and repeats that request when the program runs again.
type writer struct {
	number int
	random *mathrand.Rand
	client *http.Client
	api    string
	token  string
	items  []*ledger
	shared *sharedItem
	// pending is the write without a response.
	pending *attempt
	// prices is the last price that it used. Each write has another price.
	prices items.Price
	// answered counts acknowledged writes, unanswered those without a response, and found those of the latter that were
	// applied.
	answered, unanswered, found int
	wrong                       []string // unexpected responses
}

// writeUntil writes until a request gets no response or stop is closed, and counts the responses.
func (w *writer) writeUntil(stop <-chan struct{}, answers *atomic.Int64) {
	for ; w.pending == nil; answers.Add(1) {
		select {
		case <-stop:
			return
		default:
		}
		if w.random.IntN(5) == 0 {
			if !w.updateShared() {
				return
			}
			continue
		}
		a := w.next()
		if !w.try(a) {
			w.pending = a
			w.unanswered++
		}
	}
}

// next returns a random write: often a new item, otherwise an update, deletion or restoration of an item of this writer.
func (w *writer) next() *attempt {
	w.prices++
	a := &attempt{action: items.Created, price: w.prices, key: rand.Text()}
	if len(w.items) == 0 || w.random.IntN(5) < 2 {
		a.name = fmt.Sprintf("Writer %d, item %d", w.number, len(w.items))
		return a
	}
	a.item = w.items[w.random.IntN(len(w.items))]
	switch {
	case a.item.last().action == items.Deleted:
		a.action = items.Restored
	case w.random.IntN(4) == 0:
		a.action = items.Deleted
	default:
		a.action = items.Updated
	}
	return a
}

// resolve repeats the pending write until there is a response.
func (w *writer) resolve(ctx context.Context) error {
	for w.pending != nil {
		w.pending.repeated = true
		if w.try(w.pending) {
			if w.pending.applied {
				w.found++
			}
			w.pending = nil
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("writer %d has no response to %s: %w", w.number, w.pending.action, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// try sends a write and puts it into the ledger if there is a response.
func (w *writer) try(a *attempt) (responded bool) {
	method, path, body := http.MethodPost, "/items", ""
	header := http.Header{}
	want := http.StatusOK
	if a.item != nil {
		path = fmt.Sprint("/items/", a.item.id)
	}
	switch a.action {
	case items.Created:
		body, want = fmt.Sprintf(`{"item":{"name":%q,"price":%v,"description":"","image":"","category":"Crash"}}`, a.name, a.price), http.StatusCreated
		header.Set("Idempotency-Key", a.key)
	case items.Updated:
		method, body = http.MethodPatch, fmt.Sprintf(`{"price":%v}`, a.price)
		header.Set("If-Match", a.item.etag)
	case items.Deleted:
		method = http.MethodDelete
		header.Set("If-Match", a.item.etag)
	case items.Restored:
		path += "/restore"
		header.Set("Idempotency-Key", a.key)
	default:
		panic(a.action)
	}
	answer, err := w.do(method, path, body, header)
	switch {
	case err != nil:
		return false
	case answer.status == want:
	case a.repeated && a.action == items.Deleted && answer.status == http.StatusNotFound:
		a.applied = true
	case a.repeated && a.action == items.Updated && answer.status == http.StatusPreconditionFailed:
		a.applied = true
		answer, err = w.do(http.MethodGet, path, "", nil)
		if err == nil && answer.status != http.StatusOK {
			w.wrong = append(w.wrong, fmt.Sprintf("writer %d: GET %s: got %d %s, want 200", w.number, path, answer.status, answer.body))
		}
		if err != nil || answer.status != http.StatusOK {
			return false
		}
	default:
		w.wrong = append(w.wrong, fmt.Sprintf("writer %d: %s %s: got %d %s, want %d", w.number, method, path, answer.status, answer.body, want))
		return true
	}
	w.enter(a, answer)
	return true
}

// enter puts an acknowledged write into the ledger of its item.
func (w *writer) enter(a *attempt, answer answer) {
	w.answered++
	if a.item == nil {
		a.item = &ledger{name: a.name}
		w.items = append(w.items, a.item)
	}
	made := entry{a.action, a.price}
	switch a.action {
	case items.Restored:
		made.price = a.item.entries[len(a.item.entries)-2].price
	case items.Deleted:
		a.item.entries = append(a.item.entries, made)
		return
	default:
	}
	a.item.entries = append(a.item.entries, made)
	var got items.Item
	if err := json.Unmarshal([]byte(answer.body), &got); err != nil || got.Name != a.item.name || got.Price != made.price {
		w.wrong = append(w.wrong, fmt.Sprintf("writer %d: %s of %q at %v got the response %s", w.number, a.action, a.item.name, made.price, answer.body))
	}
	a.item.id, a.item.etag = got.ID, answer.etag
}

// updateShared changes the shared item. The request is never repeated, so the change is there at most once.
func (w *writer) updateShared() (responded bool) {
	w.prices++
	answer, err := w.do(http.MethodPatch, fmt.Sprint("/items/", w.shared.id), fmt.Sprintf(`{"price":%v}`, w.prices), nil)
	w.shared.mu.Lock()
	defer w.shared.mu.Unlock()
	switch {
	case err != nil:
		w.shared.unknown[w.prices] = true
		w.unanswered++
		return false
	case answer.status != http.StatusOK:
		w.wrong = append(w.wrong, fmt.Sprintf("writer %d: the shared item: got %d %s", w.number, answer.status, answer.body))
	default:
		w.answered++
		w.shared.answered[w.prices] = true
	}
	return true
}

type answer struct {
	status     int
	etag, body string
}

var errUnavailable = errors.New("503")

// do sends a request. After an error, the outcome is unknown.
func (w *writer) do(method, path, body string, header http.Header) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, w.api+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if header != nil {
		request.Header = header
	}
	request.Header.Set("Authorization", "Bearer "+w.token)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := w.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	if response.StatusCode == http.StatusServiceUnavailable {
		return answer{}, errUnavailable
	}
	return answer{response.StatusCode, response.Header.Get("ETag"), string(raw)}, nil
}

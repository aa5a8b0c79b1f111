package items

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// maxAge is how long an answer is used, counted from before the read of the store that it came from.
	maxAge = time.Second
	// refreshAge is when one of those who ask looks again, while the others still have the old answer.
	refreshAge = maxAge / 2
	// ReadTimeout is how long a read may wait for the store.
	ReadTimeout = 10 * time.Second
	// maxAnswers and maxAnswerBytes bound what is kept.
	maxAnswers     = 10_000
	maxAnswerBytes = 16 << 20
)

// answers keeps the encoded answers to recent reads, so that most reads cost neither a query nor an encoding. Three things
// keep them true:
//
//   - While a write of this process is in progress, no answer is kept or given from memory, and when the write ends all
//     answers are dropped, before its client hears of it. So reads and writes of one process stay linearizable.
//   - The same question is asked of the store once at a time. Those who come meanwhile share the next read: one that had
//     begun before they came might tell of something older than what they have seen.
//   - A change that comes from elsewhere drops all answers as soon as the follower sees it, before any subscriber does.
//   - No answer is used for longer than maxAge, whatever has changed the database, and so none is given for longer than
//     that while the store cannot be reached.
//
// See docs/adr/0019-reads-from-memory.md.
type answers struct {
	mu      sync.Mutex
	writing int   // writes in progress
	epoch   int64 // rises whenever something has changed
	kept    *simplelru.LRU[question, *answer]
	bytes   int // of the answers that are kept
	asking  map[question]*asking
}

// question is what a read asks: a route, and the query or the id behind it.
type question struct {
	route string
	query string
	id    int64
}

// answer is what a question is answered with. It is shared: nobody may write to it.
type answer struct {
	representation
	link string // to the next page, "" when there is none
	at   time.Time
}

// size is about how much memory an answer takes, in bytes.
func (a *answer) size(q question) int { return len(a.body) + len(a.link) + len(q.query) + 512 }

// asking is a read of the store for all who ask the same question before it begins.
type asking struct {
	question question
	previous *asking // which has to be done before this one begins; nil once it is
	begun    bool
	epoch    int64              // when it began
	began    time.Time          // the same
	waiting  int                // who still wants to know
	giveUp   context.CancelFunc // called when nobody does
	done     chan struct{}      // closed once the rest is final
	answer   *answer
	err      error
}

func newAnswers() *answers {
	a := &answers{asking: map[question]*asking{}}
	kept, err := simplelru.NewLRU(maxAnswers, func(q question, dropped *answer) { a.bytes -= dropped.size(q) })
	if err != nil {
		panic(err) // the size is not positive
	}
	a.kept = kept
	return a
}

// get answers the question from memory, or else has find read the store. The error is that of find, or the context's.
func (a *answers) get(ctx context.Context, q question, find func(context.Context) (*answer, error)) (*answer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a.mu.Lock()
	pending := a.asking[q]
	if known, isKept := a.kept.Get(q); isKept && a.writing == 0 {
		age := time.Since(known.at)
		if age < refreshAge || age < maxAge && pending != nil {
			a.mu.Unlock()
			return known, nil
		}
	}
	if pending == nil || pending.begun {
		next := &asking{question: q, previous: pending, done: make(chan struct{}), giveUp: func() {}}
		a.asking[q] = next
		a.mu.Unlock()
		a.ask(ctx, next, find)
		if next.err != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return next.answer, next.err
	}
	pending.waiting++
	a.mu.Unlock()
	select {
	case <-pending.done:
		return pending.answer, pending.err
	case <-ctx.Done():
		a.leave(pending)
		return nil, ctx.Err()
	}
}

// ask has find read the store, and keeps the answer unless something has changed in the meantime.
func (a *answers) ask(ctx context.Context, own *asking, find func(context.Context) (*answer, error)) {
	own.err = ErrUnavailable // for those who wait, should find panic
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.forget(own)
		if own.err == nil && own.waiting > 0 && a.epoch == own.epoch && a.writing == 0 {
			a.keep(own.question, own.answer)
		}
		close(own.done)
	}()
	ctx, cancel := a.untilNobodyWaits(ctx, own)
	defer cancel()
	if err := a.begin(ctx, own); err != nil {
		own.err = err
		return
	}
	found, err := find(ctx)
	if err == nil {
		found.at = own.began
	}
	own.answer, own.err = found, err
}

// begin waits for the read before this one. Who comes after it has returned is too late for this one.
func (a *answers) begin(ctx context.Context, own *asking) error {
	if own.previous != nil {
		select {
		case <-own.previous.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	own.previous, own.begun, own.epoch, own.began = nil, true, a.epoch, time.Now()
	return nil
}

// untilNobodyWaits returns a context that ends when everyone has hung up, or after ReadTimeout: others may wait on when the
// client of this request does not.
func (a *answers) untilNobodyWaits(ctx context.Context, own *asking) (shared context.Context, cancel func()) {
	shared, giveUp := context.WithTimeout(context.WithoutCancel(ctx), ReadTimeout)
	a.mu.Lock()
	own.giveUp = giveUp
	own.waiting++
	a.mu.Unlock()
	stay := context.AfterFunc(ctx, func() { a.leave(own) })
	return shared, func() { stay(); giveUp() }
}

// leave takes note that one of those who wait has hung up.
func (a *answers) leave(p *asking) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p.waiting--
	if p.waiting > 0 {
		return
	}
	a.forget(p)
	if before := p.previous; before != nil && a.asking[p.question] == nil && !before.isDone() {
		a.asking[p.question] = before // still in progress: the next one has to wait for it
	}
	p.giveUp()
}

func (p *asking) isDone() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// forget lets nobody join those who wait.
func (a *answers) forget(p *asking) {
	if a.asking[p.question] == p {
		delete(a.asking, p.question)
	}
}

func (a *answers) keep(q question, found *answer) {
	size := found.size(q)
	if size > maxAnswerBytes/2 {
		return
	}
	a.kept.Remove(q) // so that its size is taken off
	a.bytes += size
	a.kept.Add(q, found)
	for a.bytes > maxAnswerBytes {
		a.kept.RemoveOldest()
	}
}

// drop forgets all answers.
func (a *answers) drop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dropLocked()
}

func (a *answers) dropLocked() {
	a.epoch++
	if a.kept.Len() > 0 {
		a.kept.Purge()
	}
}

// write begins a write of this process. end says that it is over, whatever came of it.
func (a *answers) write() (end func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writing++
	return a.endWrite
}

func (a *answers) endWrite() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writing--
	a.dropLocked()
}

// watchedStore is a store whose writes keep the answers true. It embeds what does not write and no more, so that a new way
// to write does not compile before it is below.
type watchedStore struct {
	reads
	store   Store
	answers *answers
}

var _ Store = watchedStore{}

// reads are the methods of a Store that change nothing.
type reads interface {
	List(ctx context.Context, query Query) ([]Item, error)
	Get(ctx context.Context, id int64) (Item, error)
	History(ctx context.Context, id, before int64, limit int) ([]Change, error)
	Changes(ctx context.Context, after Cursor, limit int) ([]Change, Cursor, error)
	Await(ctx context.Context) error
	Export(ctx context.Context, history bool, yield func(Record) error) error
	Ping(ctx context.Context) error
	Close() error
}

func newWatchedStore(store Store, answers *answers) watchedStore {
	return watchedStore{store, store, answers}
}

// Create implements Store.
func (s watchedStore) Create(ctx context.Context, stamp Stamp, item Item) (Item, error) {
	defer s.answers.write()()
	return s.store.Create(ctx, stamp, item)
}

// Update implements Store.
func (s watchedStore) Update(ctx context.Context, stamp Stamp, id int64, change func(Item) (Item, error)) (Item, error) {
	defer s.answers.write()()
	return s.store.Update(ctx, stamp, id, change)
}

// Delete implements Store.
func (s watchedStore) Delete(ctx context.Context, stamp Stamp, id int64, allow func(Item) error) (Item, error) {
	defer s.answers.write()()
	return s.store.Delete(ctx, stamp, id, allow)
}

// Restore implements Store.
func (s watchedStore) Restore(ctx context.Context, stamp Stamp, id int64) (Item, error) {
	defer s.answers.write()()
	return s.store.Restore(ctx, stamp, id)
}

// Reset implements Store.
func (s watchedStore) Reset(ctx context.Context, stamp Stamp, menu []Item) ([]Item, error) {
	defer s.answers.write()()
	return s.store.Reset(ctx, stamp, menu)
}

// Seed implements Store.
func (s watchedStore) Seed(ctx context.Context, stamp Stamp, menu []Item) error {
	defer s.answers.write()()
	return s.store.Seed(ctx, stamp, menu)
}

// Import implements Store.
func (s watchedStore) Import(ctx context.Context, stamp Stamp, replace bool, next func() (Record, error)) error {
	defer s.answers.write()()
	return s.store.Import(ctx, stamp, replace, next)
}

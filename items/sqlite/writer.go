package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// writer runs writes on the one connection that writes. Those that come while another is being committed wait and are
// then committed together: they share one fsync, which is most of what a write costs. A write that comes alone is run at
// once, in a transaction of its own.
//
// No goroutine is kept for it: the first of those that wait leads, and runs the writes of all.
type writer struct {
	file string
	db   *sql.DB
	conn *conn
	// leading holds a value while somebody leads.
	leading chan struct{}

	mu      sync.Mutex
	waiting []*write

	// walLimit is the size of the log at which it is to be emptied. It belongs to who leads.
	walLimit int64
}

// maxGroup bounds how many writes share a transaction, and so how long the first of them waits for the last.
const maxGroup = 256

// newWriter takes over the pool of the file, of which it uses one connection.
func newWriter(ctx context.Context, file string, db *sql.DB) (*writer, error) {
	conn, err := newConn(ctx, db)
	if err != nil {
		return nil, err
	}
	return &writer{file: file, db: db, conn: conn, leading: make(chan struct{}, 1), walLimit: maxWAL}, nil
}

func (w *writer) close() error {
	w.leading <- struct{}{} // waits for the write in progress; nobody leads after it
	return errors.Join(w.conn.close(), w.db.Close())
}

// write is one caller's part of a group.
type write struct {
	ctx      context.Context //nolint:containedctx // it belongs to the caller, the transaction to the group
	do       func(context.Context, *conn) error
	done     chan struct{} // closed once err and panicked are final
	err      error
	panicked any
}

// run calls do inside a write transaction and returns nil once that is on the disk. An error of do undoes what do did,
// and nothing else. do may be called more than once; only the last call counts.
func (w *writer) run(ctx context.Context, do func(context.Context, *conn) error) error {
	own := &write{ctx: ctx, do: do, done: make(chan struct{})}
	w.mu.Lock()
	w.waiting = append(w.waiting, own)
	w.mu.Unlock()

	withdrawn := ctx.Done()
	for {
		select {
		case <-own.done:
			if own.panicked != nil {
				panic(own.panicked)
			}
			return own.err
		case w.leading <- struct{}{}:
			w.lead() //nolint:contextcheck // for all who wait, see commit
			<-w.leading
		case <-withdrawn:
			if w.withdraw(own) {
				return ctx.Err()
			}
			withdrawn = nil // it is being written: whether it counts is known in a moment
		}
	}
}

// runExclusively is run for a write that is long: it shares its transaction with no other, and do is called once.
func (w *writer) runExclusively(ctx context.Context, do func(context.Context, *conn) error) error {
	select {
	case w.leading <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-w.leading }()
	own := &write{ctx: ctx, do: do}
	w.commit([]*write{own}, w.runAlone) //nolint:contextcheck // do uses the caller's
	w.boundWAL()                        //nolint:contextcheck // for all
	return own.err
}

// withdraw takes a write back. It reports false when it is too late for that.
func (w *writer) withdraw(own *write) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, waiting := range w.waiting {
		if waiting == own {
			w.waiting = append(w.waiting[:i], w.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// lead commits the writes that wait.
func (w *writer) lead() {
	w.mu.Lock()
	group := w.waiting[:min(len(w.waiting), maxGroup)]
	w.waiting = append([]*write(nil), w.waiting[len(group):]...)
	w.mu.Unlock()

	if len(group) == 0 {
		return // the leader before has written them
	}
	switch {
	case w.commit(group, w.runAlone): // all of them succeed, as a rule
	case len(group) > 1 && w.commit(group, w.runAmong):
	case len(group) > 1:
		// What failed was the transaction: a full disk, say, for which one of them is too large. Each gets its own.
		for i := range group {
			w.commit(group[i:i+1], w.runAlone)
		}
	}
	for _, member := range group {
		close(member.done)
	}
	w.boundWAL()
}

// commit runs the group in one transaction and sets the error of each. It reports false when the group may fare better in
// another way, and nothing was written.
//
// The statements do not run under the contexts of the callers: SQLite ends the whole transaction when it interrupts one.
func (w *writer) commit(group []*write, run func(context.Context, *write) error) (ok bool) {
	ctx := context.Background()
	if err := w.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		fail(group, err) // another process has the lock, or the disk is gone: one by one would only take longer
		return true
	}
	committed := false
	defer func() {
		if !committed {
			_ = w.exec(ctx, "ROLLBACK")
		}
	}()
	kept := 0
	for _, member := range group {
		err := run(ctx, member)
		if err != nil && len(group) > 1 {
			fail(group, err)
			return false
		}
		if member.err == nil {
			kept++
		}
	}
	if kept == 0 {
		return true
	}
	if err := w.exec(ctx, "COMMIT"); err != nil {
		fail(group, err)
		return len(group) == 1
	}
	committed = true
	return true
}

func fail(group []*write, err error) {
	for _, member := range group {
		member.err = err
	}
}

func (w *writer) exec(ctx context.Context, statement string) error {
	_, err := w.conn.exec(ctx, statement)
	return err
}

// runAlone runs a write that can only be undone with all others of the transaction. It returns the write's error.
func (w *writer) runAlone(ctx context.Context, member *write) error {
	member.err = member.call(ctx, w.conn)
	return member.err
}

// runAmong runs a write so that it can be undone without the others: with two statements more, which is why it is the
// second attempt. It returns an error when the transaction as a whole is lost.
func (w *writer) runAmong(ctx context.Context, member *write) error {
	if err := w.exec(ctx, "SAVEPOINT own"); err != nil {
		return err
	}
	if member.err = member.call(ctx, w.conn); member.err != nil {
		if err := w.exec(ctx, "ROLLBACK TO own"); err != nil {
			return member.err // SQLite has given up the transaction over it
		}
	}
	return w.exec(ctx, "RELEASE own")
}

// call runs the caller's part. A panic belongs to the caller too, and not to the one that happens to lead.
func (m *write) call(ctx context.Context, conn *conn) (err error) {
	m.panicked = nil
	defer func() {
		if m.panicked = recover(); m.panicked != nil {
			err = errPanicked
		}
	}()
	if err := m.ctx.Err(); err != nil {
		return err
	}
	if err := m.do(ctx, conn); err != nil {
		return err
	}
	return m.ctx.Err() // a caller that has gone cannot be told that it was written
}

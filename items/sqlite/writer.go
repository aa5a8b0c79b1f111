package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"menu-api/items"
)

// writer runs writes on the one connection that writes. Those that come while another is being committed are then
// committed together.
type writer struct {
	file  string
	db    *sql.DB
	conn  *conn
	group *items.Group[*write]
	// walLimit is the size of the log at which it is to be emptied. It belongs to who leads the group.
	walLimit int64
}

// maxGroup bounds how many writes share a transaction.
const maxGroup = 256

// newWriter takes over the pool of the file, of which it uses one connection.
func newWriter(ctx context.Context, file string, db *sql.DB) (*writer, error) {
	conn, err := newConn(ctx, db)
	if err != nil {
		return nil, err
	}
	w := &writer{file: file, db: db, conn: conn, walLimit: maxWAL}
	w.group = items.NewGroup(maxGroup, w.write)
	return w, nil
}

func (w *writer) close() (err error) {
	w.group.RunLast(func() { err = errors.Join(w.conn.close(), w.db.Close()) })
	return err
}

// write is one caller's part of a group.
type write struct {
	ctx      context.Context //nolint:containedctx // it belongs to the caller, the transaction to the group
	do       func(context.Context, *conn) error
	err      error
	panicked any
}

// run calls do inside a write transaction and returns nil once that is on the disk. An error of do undoes what do did,
// and nothing else. do may be called more than once; only the last call counts.
func (w *writer) run(ctx context.Context, do func(context.Context, *conn) error) error {
	own := &write{ctx: ctx, do: do}
	if err := w.group.Run(ctx, own); err != nil {
		return err
	}
	if own.panicked != nil {
		panic(own.panicked)
	}
	return own.err
}

// runExclusively is run for a write that is long: it shares its transaction with no other, and do is called once.
func (w *writer) runExclusively(ctx context.Context, do func(context.Context, *conn) error) error {
	own := &write{ctx: ctx, do: do}
	err := w.group.RunAlone(ctx, func() { //nolint:contextcheck // do uses the caller's, and the log is of all
		w.commit([]*write{own}, w.runAlone)
		w.boundWAL()
	})
	if err != nil {
		return err
	}
	return own.err
}

// write commits a group of writes.
func (w *writer) write(group []*write) {
	w.boundWAL()
	switch {
	case w.commit(group, w.runAlone): // all of them succeed, as a rule
	case len(group) > 1 && w.commit(group, w.runAmong):
	case len(group) > 1:
		// What failed was the transaction: a full disk, say, for which one of them is too large. Each gets its own.
		for i := range group {
			w.commit(group[i:i+1], w.runAlone)
		}
	}
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

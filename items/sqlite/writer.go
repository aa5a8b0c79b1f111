package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"os"

	"menu-api/items"
)

const (
	// maxBatch bounds how many writes share a transaction.
	maxBatch = 256
	// autocheckpointPages is the size of the WAL, in pages of 4 KB, at which SQLite runs a checkpoint after a commit. Its
	// default is 1,000. With more, the pages that every write changes are copied less often, and a write takes 6 % less CPU.
	autocheckpointPages = 3000
	// maxWAL is the size of the WAL in bytes at which writes wait for a checkpoint that truncates it. SQLite restarts the
	// WAL only at a moment when no reader uses it. If there is always a reader, the WAL grows without bound.
	maxWAL = 16 << 20
	// Writes wait for the current readers for 200 ms, not longer, because an export reads for longer.
	shortBusyTimeout = `PRAGMA busy_timeout = 200`
	usualBusyTimeout = `PRAGMA busy_timeout = 5000`
)

// writer runs writes on the one connection that writes. Writes that arrive while another one commits then share a
// transaction, and so an fsync.
type writer struct {
	file    *openFile
	db      *sql.DB
	conn    *conn
	batcher *items.Batcher[*job]
	// walLimit is the size of the WAL at which to truncate it. Only a running batch uses it.
	walLimit int64
}

// newWriter takes over the pool, of which it uses one connection.
func newWriter(ctx context.Context, file *openFile, db *sql.DB) (*writer, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{file: file, db: db, conn: &conn{Conn: c, prepared: map[string]*sql.Stmt{}}, walLimit: maxWAL}
	w.batcher = items.NewBatcher(maxBatch, w.writeBatch)
	return w, nil
}

func (w *writer) close() (err error) {
	_ = w.batcher.RunAlone(context.Background(), func() { err = errors.Join(w.conn.close(), w.db.Close()) })
	return err
}

// job is the write of one caller.
type job struct {
	ctx      context.Context //nolint:containedctx // it belongs to the caller, the transaction to the batch
	do       func(context.Context, *conn) error
	err      error
	panicked any
}

// run calls do in a write transaction and returns nil once the transaction is on the disk. If do returns an error, its
// changes are undone, and no others. do may be called more than once; only the last call counts.
func (w *writer) run(ctx context.Context, do func(context.Context, *conn) error) error {
	j := &job{ctx: ctx, do: do}
	return j.outcome(w.batcher.Run(ctx, j))
}

// runAlone is run for a long write, which shares its transaction with no other. It calls do once.
func (w *writer) runAlone(ctx context.Context, do func(context.Context, *conn) error) error {
	j := &job{ctx: ctx, do: do}
	return j.outcome(w.batcher.RunAlone(ctx, func() { //nolint:contextcheck // do uses the caller's, and the WAL belongs to all
		w.commit([]*job{j})
		w.boundWAL()
	}))
}

// outcome returns the error of a job. notRun is the error if it did not run.
func (j *job) outcome(notRun error) error {
	if j.panicked != nil {
		panic(j.panicked)
	}
	return cmp.Or(notRun, j.err)
}

func (w *writer) writeBatch(batch []*job) {
	w.boundWAL()
	// Usually all writes succeed, or fail before they change anything. If one fails later, or the transaction as a whole, for
	// example because the disk has no room for all writes, each write gets its own transaction.
	if !w.commit(batch) {
		for _, j := range batch {
			w.commit([]*job{j})
		}
	}
}

// commit runs the jobs in one transaction and sets the error of each. It reports false if it has written nothing and
// another attempt with fewer jobs may succeed.
//
// The statements do not run under the contexts of the callers, because SQLite ends the whole transaction when it interrupts
// a statement.
func (w *writer) commit(batch []*job) (done bool) {
	ctx := context.Background()
	fail := func(err error) {
		for _, j := range batch {
			j.err = err
		}
	}
	err := w.file.check()
	if err == nil {
		err = w.conn.run(ctx, `BEGIN IMMEDIATE`)
	}
	if err != nil {
		fail(err) // another process holds the lock, or the disk is gone: another attempt would only take longer
		return true
	}
	committed := false
	defer func() {
		if !committed {
			_ = w.conn.run(ctx, `ROLLBACK`)
		}
	}()
	alone, succeeded := len(batch) == 1, 0
	w.conn.written = nil
	for _, j := range batch {
		w.conn.hasChanged = false
		j.err = j.call(ctx, w.conn)
		switch {
		case j.err == nil:
			succeeded++
		case !alone && (w.conn.hasChanged || primaryCode(j.err) != 0): // SQLite may have rolled back the transaction
			return false
		}
	}
	if succeeded == 0 {
		return true
	}
	err = index(ctx, w.conn, w.conn.written)
	if err == nil {
		err = w.conn.run(ctx, `COMMIT`)
	}
	if err != nil {
		fail(err)
		return alone
	}
	committed = true
	return true
}

// call runs the caller's function. A panic belongs to the caller, not to the goroutine that runs the batch.
func (j *job) call(ctx context.Context, c *conn) (err error) {
	defer func() {
		if j.panicked = recover(); j.panicked != nil {
			err = errors.New("the write panicked")
		}
	}()
	if err := j.ctx.Err(); err != nil {
		return err
	}
	if err := j.do(ctx, c); err != nil {
		return err
	}
	return j.ctx.Err() // a caller that has left cannot learn that the write succeeded
}

// boundWAL truncates the WAL if it is too large. If a reader prevents that for too long, boundWAL tries again when the WAL
// has doubled.
func (w *writer) boundWAL() {
	info, err := os.Stat(w.file.name + "-wal")
	if err != nil || info.Size() < w.walLimit {
		return
	}
	ctx := context.Background()
	_ = w.conn.run(ctx, shortBusyTimeout)
	done, err := runCheckpoint(ctx, w.conn, "TRUNCATE")
	_ = w.conn.run(ctx, usualBusyTimeout)
	w.walLimit = maxWAL
	if err != nil || done.blocked {
		w.walLimit = 2 * info.Size()
	}
}

// checkpoint is the result of a checkpoint (https://www.sqlite.org/pragma.html#pragma_wal_checkpoint).
type checkpoint struct {
	blocked        bool // by a reader or a writer
	frames, copied int64
}

func runCheckpoint(ctx context.Context, q querier, mode string) (checkpoint, error) {
	return one(ctx, q, func(row *sql.Rows) (done checkpoint, err error) {
		err = row.Scan(&done.blocked, &done.frames, &done.copied)
		return done, err
	}, `PRAGMA wal_checkpoint(`+mode+`)`)
}

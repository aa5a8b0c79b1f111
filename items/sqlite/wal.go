package sqlite

import (
	"context"
	"os"
)

const (
	// foldedPages is the size of the write-ahead log, in pages of 4 KB, at which SQLite folds it into the database after a
	// commit. Its own choice is 1,000. With more, the pages that every write changes are folded less often, and a write
	// takes 6 % less CPU. It is below maxWAL, which is for when SQLite finds no moment for it.
	foldedPages = 3000
	// maxWAL is how large the write-ahead log may get, in bytes, before writes wait for it to be folded into the database.
	// SQLite does that by itself all the time, but begins the log anew only when it finds a moment at which nobody reads
	// from it. Where reads never cease it finds none.
	maxWAL = 16 << 20
	// walPatience is how long writes wait for those who read now. An export reads for longer.
	walPatience   = `PRAGMA busy_timeout = 200`
	usualPatience = `PRAGMA busy_timeout = 5000`
)

// boundWAL folds the log into the database and empties it when it has become too large. If somebody reads for too long, it
// tries again when the log has become twice as large.
func (w *writer) boundWAL() {
	info, err := os.Stat(w.file + "-wal")
	if err != nil || info.Size() < w.walLimit {
		return
	}
	ctx := context.Background()
	var blocked bool
	var frames, folded int
	_ = w.exec(ctx, walPatience)
	err = one(ctx, w.conn, func(row scanner) error { return row.Scan(&blocked, &frames, &folded) }, `PRAGMA wal_checkpoint(TRUNCATE)`)
	_ = w.exec(ctx, usualPatience)
	w.walLimit = maxWAL
	if err != nil || blocked {
		w.walLimit = 2 * info.Size()
	}
}

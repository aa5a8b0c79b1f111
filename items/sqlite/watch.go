package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"
)

var (
	// ErrDamaged says that the content of the file is not what was written.
	ErrDamaged = errors.New("it is damaged; restore it from a backup, or move it away to start with a new one")
	// ErrReplaced says that the name of the file does not lead to the open file any more. What is written to the open file
	// is lost when the program ends.
	ErrReplaced = errors.New("it was deleted or replaced while the server was using it; to use the file that has its name now, " +
		"delete the files -wal and -shm next to it, which belong to the old one, and start again; otherwise restore a backup")
)

// watchInterval is how often Watch checks whether the file was deleted or replaced.
const watchInterval = time.Second

// Watch reads the whole file for damage, and then checks every second whether it was deleted or replaced. It returns an
// error that names the file, or nil when the context ends.
func (s *Store) Watch(ctx context.Context) error {
	err := check(ctx, s.scan)
	for tick := time.Tick(watchInterval); err == nil; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
			err = s.file.check()
		}
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the context ended the check
	}
	return fmt.Errorf("database %s: %w", s.file.name, explain(cmp.Or(s.file.check(), err)))
}

// openFile is the file of an open database.
type openFile struct {
	name   string
	opened os.FileInfo // nil until it is open
	// immutable says that no process changes the file, because it is on a read-only disk.
	immutable bool
}

// remember notes which file has the name now.
func (f *openFile) remember() (err error) {
	f.opened, err = os.Stat(f.name)
	return err
}

// check returns ErrReplaced if the name does not lead to the open file any more.
func (f *openFile) check() error {
	if f.opened == nil {
		return nil
	}
	info, err := os.Stat(f.name)
	if err == nil && !os.SameFile(info, f.opened) || errors.Is(err, fs.ErrNotExist) {
		return ErrReplaced
	}
	return nil
}

// guardedConnector returns no connection to a file that has replaced the open one: SQLite would write the WAL of the old file
// into it.
type guardedConnector struct {
	driver.Connector

	file *openFile
}

// Connect implements driver.Connector.
func (c guardedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, cmp.Or(c.file.check(), err)
	}
	// The connection has read nothing yet, so it does not touch the WAL when it closes.
	if err := c.file.check(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// A database records the number of its file in user_version, and a copy records that it is one. So the next start detects a
// WAL that was left by another file of the same name: SQLite would write its pages into the file.
const (
	unknownFile = 0 // of a database from before this rule
	copiedFile  = -1
)

// fileID returns what the database in the file records.
func fileID(file string) (int64, error) {
	info, err := os.Stat(file)
	if err != nil {
		return unknownFile, err
	}
	return int64(inode(info) & 0x7fffffff), nil
}

func recordFileID(ctx context.Context, file string, db *sql.DB) error {
	id, err := fileID(file)
	if err != nil || id == unknownFile {
		return err
	}
	recorded, err := value[int64](ctx, db, `PRAGMA user_version`)
	if err != nil || recorded == id {
		return err
	}
	if _, err := db.ExecContext(ctx, fmt.Sprintf(`PRAGMA user_version = %d`, id)); err != nil {
		return err
	}
	// The next start reads the number without the WAL. A reader of another process may delay the checkpoint; then the next
	// one does it.
	_, err = runCheckpoint(ctx, db, "PASSIVE")
	return err
}

// checkWAL returns an error if there is a WAL that does not belong to the file.
func checkWAL(ctx context.Context, file string) error {
	wal, err := os.Stat(file + "-wal")
	if err != nil || wal.Size() == 0 {
		return nil // there is no WAL
	}
	id, err := fileID(file)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("it is missing, but its write-ahead log is there; put the file back, or delete %s-wal and restore a backup", file)
	}
	if err != nil || id == unknownFile {
		return err
	}
	db, err := sql.Open("sqlite", dsn(file, "immutable=1", "mode=ro")) // without the WAL
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	recorded, err := value[int64](ctx, db, `PRAGMA user_version`)
	if err != nil {
		return nil // an empty or damaged file, which inspect reports
	}
	if recorded != unknownFile && recorded != id {
		return fmt.Errorf("its write-ahead log belongs to another file, which it has replaced; to start with the file as it is, delete %[1]s-wal "+
			"and %[1]s-shm; if you copied the log together with the file, run sqlite3 %[1]s 'PRAGMA wal_checkpoint(TRUNCATE)' to keep what it holds", file)
	}
	return nil
}

// reportRecovery logs how much of a WAL that was left there (left, nil for none) was recovered. SQLite ignores what follows
// the last complete transaction, so only a WAL that ends inside a page shows that something is missing.
func reportRecovery(ctx context.Context, file string, db *sql.DB, left fs.FileInfo, log *slog.Logger) error {
	const header, frameHeader = 32, 24 // https://www.sqlite.org/fileformat2.html#walformat
	if left == nil || left.Size() <= header {
		return nil
	}
	pageSize, err := value[int64](ctx, db, `PRAGMA page_size`)
	if err != nil {
		return err
	}
	done, err := runCheckpoint(ctx, db, "PASSIVE")
	if err != nil {
		return err
	}
	if size := left.Size() - header; size%(pageSize+frameHeader) != 0 {
		log.Warn("the write-ahead log was cut off, so the newest changes may be missing: compare the menu with a backup",
			"file", file+"-wal", "pages", size/(pageSize+frameHeader), "recovered", done.frames)
	} else {
		log.Info("the write-ahead log of the last run was recovered", "file", file+"-wal", "recovered", done.frames)
	}
	return nil
}

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// Open opens the SQLite file and migrates its schema. It creates the file and its folder if they do not exist.
//
// It returns an error that names the file, and leaves the file unchanged, if the file cannot be written, is damaged, is not
// a database of this program, or was written by a newer version of the program.
func Open(ctx context.Context, file string) (*Store, error) {
	return openAndRetry(ctx, file, math.MaxInt64)
}

// OpenSoon is Open for callers that call Watch afterwards: it looks for damage only in a file that is read in milliseconds.
func OpenSoon(ctx context.Context, file string) (*Store, error) {
	const smallFile = 1 << 20
	return openAndRetry(ctx, file, smallFile)
}

// startTimeout is how long a start retries while the file is locked. SQLite does not queue the processes that wait for a
// lock, and does not wait at all if two of them could wait for each other. When several processes start together on a new
// file, one of them may have to wait longer than the busy timeout.
const startTimeout = 15 * time.Second

// openAndRetry opens the file. It looks for damage if the file has at most maxChecked bytes.
func openAndRetry(ctx context.Context, file string, maxChecked int64) (*Store, error) {
	for began := time.Now(); ; {
		store, err := open(ctx, file, maxChecked)
		if err == nil {
			return store, nil
		}
		if primaryCode(err) != lib.SQLITE_BUSY || time.Since(began) > startTimeout {
			return nil, fmt.Errorf("database %s: %w", file, explain(err))
		}
	}
}

func open(ctx context.Context, file string, maxChecked int64) (_ *Store, err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return nil, fmt.Errorf("its folder cannot be created: %w", err)
	}
	opened := &openFile{name: file}
	read, err := openReaders(opened, max(4, runtime.GOMAXPROCS(0)))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = read.Close()
		}
	}()
	if err := checkWAL(ctx, file); err != nil {
		return nil, err
	}
	version, err := inspect(ctx, read, file, maxChecked)
	if err != nil {
		return nil, err
	}
	// With synchronous=FULL, a commit is on the disk before it returns.
	db, err := sql.Open("sqlite", dsn(file, "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)",
		fmt.Sprintf("_pragma=wal_autocheckpoint(%d)", autocheckpointPages), "_txlock=immediate"))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = db.Close()
		}
	}()
	db.SetMaxOpenConns(1)
	if version < newestVersion() {
		if err := migrate(ctx, db); err != nil {
			return nil, err
		}
	}
	if err := recordFileID(ctx, file, db); err != nil {
		return nil, err
	}
	if err := opened.remember(); err != nil {
		return nil, err
	}
	writer, err := newWriter(ctx, opened, db)
	if err != nil {
		return nil, err
	}
	scan, err := openReaders(opened, maxScans)
	if err != nil {
		return nil, err
	}
	background, stop := context.WithCancel(context.Background())
	s := &Store{file: opened, writer: writer, read: read, scan: scan, notIndexed: make(chan struct{}, 1), stopBackground: stop}
	s.background.Go(func() { s.indexInBackground(background) }) //nolint:contextcheck // it lives until Close
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// maxScans is how many searches and exports run at the same time.
const maxScans = 2

// openReaders returns a pool of n connections that only read an existing file.
func openReaders(file *openFile, n int) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(dsn(file.name, "_pragma=query_only(1)", "mode=rw"))
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(guardedConnector{connector, file})
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// dsn sets the busy timeout first, so that the other pragmas wait for a lock as well.
func dsn(file string, options ...string) string {
	return "file:" + url.PathEscape(file) + "?_pragma=busy_timeout(5000)&" + strings.Join(options, "&")
}

// inspect examines the file before anything changes it, and returns the version of its schema, 0 for a new file. It reads a
// file of at most maxChecked bytes completely, so that damage stops the start and not, some day, a request.
func inspect(ctx context.Context, read *sql.DB, file string, maxChecked int64) (version int64, err error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return 0, nil
	}
	if err == nil && info.Size() <= maxChecked {
		if err := check(ctx, read); err != nil {
			return 0, err
		}
	}
	var tables, ours int
	err = read.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE name = 'goose_db_version') FROM sqlite_schema`).Scan(&tables, &ours)
	switch {
	case err != nil || tables == 0:
		return 0, err
	case ours == 0:
		return 0, errors.New("it belongs to another program; name another file in DATABASE_URL")
	}
	if err := read.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version`).Scan(&version); err != nil {
		return 0, err
	}
	if version > newestVersion() {
		return 0, fmt.Errorf("it has schema version %d, but this program knows versions up to %d: run the newer menu-api that wrote it",
			version, newestVersion())
	}
	return version, nil
}

func check(ctx context.Context, db *sql.DB) error {
	var result string
	if err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&result); err != nil {
		return err
	}
	if result != "ok" {
		return fmt.Errorf("%w (%s)", ErrDamaged, strings.Join(strings.Fields(result), " "))
	}
	return nil
}

// explain says what an error of the engine means to the person who starts the program.
func explain(err error) error {
	switch primaryCode(err) {
	case lib.SQLITE_NOTADB:
		return errors.New("it is not an SQLite database; move it away, or name another file in DATABASE_URL")
	case lib.SQLITE_CORRUPT:
		return ErrDamaged
	case lib.SQLITE_CANTOPEN, lib.SQLITE_READONLY:
		return errors.New("it cannot be opened for writing; check that it is a file, and the permissions of it and its folder")
	case lib.SQLITE_IOERR:
		return fmt.Errorf("the file system failed: %w", err)
	case lib.SQLITE_BUSY:
		return errors.New("another process keeps it locked")
	case lib.SQLITE_FULL:
		return errors.New("the disk is full")
	}
	return err
}

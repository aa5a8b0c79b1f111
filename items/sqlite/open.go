package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"menu-api/items/schema"
)

// Options say how to open a file.
type Options struct {
	Use schema.Use
	// Watched says that the caller calls Watch afterwards, which checks the file for damage. OpenWith then checks only a file
	// that takes milliseconds to read.
	Watched bool
	// Migrated is called after each migration. It may be nil.
	Migrated func(version int64, took time.Duration)
	// Logger logs what was recovered after a crash. Nil logs nothing.
	Logger *slog.Logger
}

// Open opens the SQLite file and migrates its schema. It creates the file and its folder if they do not exist.
//
// It returns an error that names the file, and leaves the file unchanged, if the file cannot be written, is damaged, is not
// a database of this program, or was written by a newer version of the program.
func Open(ctx context.Context, file string) (*Store, error) {
	return OpenWith(ctx, file, Options{})
}

// startTimeout is how long a start retries while the file is locked. SQLite does not queue the processes that wait for a
// lock, and does not wait at all if two of them could wait for each other. When several processes start together on a new
// file, one of them may have to wait longer than the busy timeout.
const startTimeout = 15 * time.Second

// OpenWith is Open with options.
func OpenWith(ctx context.Context, file string, o Options) (*Store, error) {
	open := open
	if o.Use == schema.Read {
		open = openToRead
	}
	for began := time.Now(); ; {
		store, err := open(ctx, file, o)
		if err == nil {
			return store, nil
		}
		if primaryCode(err) != lib.SQLITE_BUSY || time.Since(began) > startTimeout {
			return nil, fmt.Errorf("database %s: %w", file, explain(err))
		}
	}
}

func open(ctx context.Context, file string, o Options) (_ *Store, err error) {
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
	left, _ := os.Stat(file + "-wal") // before it is recovered
	maxChecked := int64(math.MaxInt64)
	if o.Watched {
		maxChecked = 1 << 20
	}
	state, err := inspect(ctx, read, file, maxChecked)
	if err == nil {
		err = state.Check(o.Use)
	}
	if err != nil {
		return nil, err
	}
	// Only the owner may read the history. SQLite gives its other files the mode of this one, and reports why a file cannot be
	// created.
	if created, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err == nil { //nolint:gosec // the user names the file
		_ = created.Close()
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
	if len(state.Pending()) > 0 {
		if err := migrate(ctx, db, o.Migrated); err != nil {
			return nil, err
		}
	}
	if o.Logger != nil {
		if err := reportRecovery(ctx, file, db, left, o.Logger); err != nil {
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
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Store{file: opened, writer: writer, read: read, scan: scan, notIndexed: make(chan struct{}, 1), stopBackground: stop}
	s.background.Go(func() { s.indexInBackground(background) }) // until Close
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, s.Close()) //nolint:contextcheck // Close has no context
	}
	return s, nil
}

// openToRead opens a file that exists for Export and Backup only. It changes nothing.
func openToRead(ctx context.Context, file string, _ Options) (*Store, error) {
	opened := &openFile{name: file}
	store, err := openToReadAs(ctx, opened)
	if code := primaryCode(err); code != lib.SQLITE_CANTOPEN && code != lib.SQLITE_READONLY {
		return store, err
	}
	// On a read-only disk, SQLite cannot read a WAL. Without one, it reads a file that no process changes.
	if _, statErr := os.Stat(file + "-wal"); statErr == nil {
		return nil, fmt.Errorf("it is read-only, and its newest changes are in %[1]s-wal, which can be read only on a disk that can be written: "+
			"copy %[1]s and %[1]s-wal to one, and name the copy in DATABASE_URL", file)
	}
	opened.immutable = true
	return openToReadAs(ctx, opened)
}

func openToReadAs(ctx context.Context, file *openFile) (*Store, error) {
	if err := checkWAL(ctx, file.name); err != nil {
		return nil, err
	}
	return openUnchanged(ctx, file, func(state schema.State) error { return state.Check(schema.Read) })
}

// openUnchanged opens a file that exists without changing it, unless it is damaged or check returns an error.
func openUnchanged(ctx context.Context, file *openFile, check func(schema.State) error) (*Store, error) {
	scan, err := openReaders(file, maxScans)
	if err != nil {
		return nil, err
	}
	state, err := inspect(ctx, scan, file.name, math.MaxInt64)
	if err == nil {
		err = check(state)
	}
	if err == nil {
		err = file.remember()
	}
	if err != nil {
		return nil, errors.Join(err, scan.Close())
	}
	return &Store{file: file, read: scan, scan: scan, stopBackground: func() {}}, nil
}

// Schema returns the state of the schema in a file. It changes nothing.
func Schema(ctx context.Context, file string) (schema.State, error) {
	read, err := openReaders(&openFile{name: file}, 1)
	if err != nil {
		return schema.State{}, err
	}
	defer func() { _ = read.Close() }()
	state, err := inspect(ctx, read, file, 0)
	if err != nil {
		err = fmt.Errorf("database %s: %w", file, explain(err))
	}
	return state, err
}

// maxScans is how many searches and exports run at the same time.
const maxScans = 2

// openReaders returns a pool of n connections that only read an existing file.
func openReaders(file *openFile, n int) (*sql.DB, error) {
	mode := "mode=rw"
	if file.immutable {
		mode = "mode=ro&immutable=1"
	}
	connector, err := sqlite.NewConnector(dsn(file.name, "_pragma=query_only(1)", mode))
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

// inspect examines the file before anything changes it. It reads a file of at most maxChecked bytes completely, so that
// damage stops the start and not, some day, a request.
func inspect(ctx context.Context, read *sql.DB, file string, maxChecked int64) (state schema.State, err error) {
	state.Migrations = migrations
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return state, nil
	}
	if err == nil && info.Size() <= maxChecked {
		if err := check(ctx, read); err != nil {
			return state, err
		}
	}
	var tables, ours, compatibility int
	err = read.QueryRowContext(ctx, `
SELECT count(*), count(*) FILTER (WHERE name = 'goose_db_version'), count(*) FILTER (WHERE name = 'compatibility')
FROM sqlite_schema`).Scan(&tables, &ours, &compatibility)
	switch {
	case err != nil || tables == 0:
		return state, err
	case ours == 0:
		return state, errors.New("it belongs to another program; name another file in DATABASE_URL")
	}
	state.Version, err = value[int64](ctx, read, schema.SelectVersion)
	if err == nil && compatibility > 0 {
		state.Oldest, err = value[int64](ctx, read, schema.SelectOldest)
	}
	return state, err
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

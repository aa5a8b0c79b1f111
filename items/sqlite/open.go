package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pressly/goose/v3"
	lib "modernc.org/sqlite/lib"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Open opens the SQLite file, creating it and its folder where they are missing, and brings its schema up to date.
//
// It returns an error that names the file if the file cannot be written, is damaged, is not an SQLite database, or was
// written by a newer version of this program. The file is then as it was.
func Open(ctx context.Context, file string) (*Store, error) {
	store, err := open(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", file, err)
	}
	return store, nil
}

func open(ctx context.Context, file string) (_ *Store, err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return nil, fmt.Errorf("its folder cannot be made: %w", err)
	}
	s := &Store{}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	if s.write, err = sql.Open("sqlite", dsn(file, "_txlock=immediate")); err != nil {
		return nil, err
	}
	s.write.SetMaxOpenConns(1)
	if err := check(ctx, s.write); err != nil {
		return nil, explain(err)
	}
	if err := migrate(ctx, s.write); err != nil {
		return nil, explain(err)
	}
	if s.read, err = sql.Open("sqlite", dsn(file, "_pragma=query_only(1)")); err != nil {
		return nil, err
	}
	readers := max(4, runtime.GOMAXPROCS(0))
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	return s, nil
}

// dsn names the file and what every pooled connection is set to. busy_timeout comes first, so that the others wait for
// a lock as well. With synchronous=FULL a commit is on the disk before it is answered.
func dsn(file, option string) string {
	return "file:" + url.PathEscape(file) +
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&" + option
}

// check reads the whole file once, so that damage stops the start and not, some day, a request.
func check(ctx context.Context, db *sql.DB) error {
	var verdict string
	if err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("%w (%s)", errDamaged, strings.Join(strings.Fields(verdict), " "))
	}
	return nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, dir)
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	newest := sources[len(sources)-1].Version
	version, err := provider.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	if version > newest {
		return fmt.Errorf("it has schema version %d, this program knows up to %d: run the newer menu-api that wrote it", version, newest)
	}
	_, err = provider.Up(ctx)
	return err
}

var errDamaged = errors.New("it is damaged; restore it from a backup, or move it away to start with a new one")

// explain says what an error of the engine means for the person who starts the program.
func explain(err error) error {
	switch primaryCode(err) {
	case lib.SQLITE_NOTADB:
		return errors.New("it is not an SQLite database; move it away, or name another file in DATABASE_URL")
	case lib.SQLITE_CORRUPT:
		return errDamaged
	case lib.SQLITE_CANTOPEN:
		return errors.New("it cannot be opened; check that it is a file and that this user may write to it and its folder")
	case lib.SQLITE_READONLY:
		return errors.New("it cannot be written; check the permissions of the file and its folder")
	case lib.SQLITE_BUSY:
		return errors.New("another process keeps it locked")
	case lib.SQLITE_FULL:
		return errors.New("the disk is full")
	}
	return err
}

// Close implements items.Store.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} { // the writer last: it folds the WAL into the file
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

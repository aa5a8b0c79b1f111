package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// Backup writes the database of one moment into a file, which must be new or empty. Reads and writes go on meanwhile, also
// those of other processes. What it writes is one compact database file with nothing beside it; it is for the caller to
// see it onto the disk.
func (s *Store) Backup(ctx context.Context, file string) error {
	target, err := filepath.Abs(file) // so that no name is taken for a URI
	if err != nil {
		return err
	}
	// A connection of its own: those of the store either write, or may not, and VACUUM is a write to SQLite.
	db, err := sql.Open("sqlite", dsn(s.file, patience, "mode=ro"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(ctx, `VACUUM INTO ?`, target)
	return translate(ctx, err)
}

// OpenCopy copies the file of a database that nobody has open into the folder and opens the copy, so that the file itself
// stays as it is, also where the schema has to be brought up to date.
//
// It returns an error that names the file if it is not the whole database of a menu.
func OpenCopy(ctx context.Context, file, folder string) (*Store, error) {
	copied := filepath.Join(folder, "copy.db")
	err := copyDatabase(ctx, file, copied)
	if err == nil {
		var store *Store
		if store, err = open(ctx, copied, math.MaxInt64); err == nil {
			return store, nil
		}
	}
	// What explain has to say behind a semicolon is advice for a database in use.
	problem, _, _ := strings.Cut(explain(err).Error(), ";")
	return nil, fmt.Errorf("%s: %s", file, problem)
}

func copyDatabase(ctx context.Context, file, to string) error {
	for _, suffix := range []string{"-wal", "-journal"} {
		if info, err := os.Stat(file + suffix); err == nil && info.Size() > 0 {
			return fmt.Errorf("a part of it is in %s%s, since a server has it open or did not stop in order: name a file that "+
				"`menu-api backup` wrote", filepath.Base(file), suffix)
		}
	}
	if err := copyFile(file, to); err != nil {
		return err
	}
	db, err := openReaders(to)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	version, err := inspect(ctx, db, to, math.MaxInt64)
	if err == nil && version == 0 {
		err = errors.New("it is empty, which no backup is")
	}
	return err
}

func copyFile(file, to string) (err error) {
	from, err := os.Open(file)
	if err != nil {
		if cause, ok := errors.AsType[*fs.PathError](err); ok {
			err = cause.Err // the file is named already
		}
		return err
	}
	defer func() { _ = from.Close() }()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	_, err = io.Copy(target, from)
	return err
}

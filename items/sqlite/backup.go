package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"menu-api/items"
	"menu-api/items/schema"
)

// Backup writes the database of one moment to a file, which must be new or empty, while reads and writes continue. The
// result is one compact file. The caller must sync it to the disk.
//
// The copy gets its own feed id, because its numbers and those of the original diverge.
func (s *Store) Backup(ctx context.Context, file string) error {
	target, err := filepath.Abs(file) // so that SQLite does not take the name for a URI
	if err != nil {
		return err
	}
	if err = s.file.copyTo(ctx, target); err == nil {
		err = runOn(ctx, dsn(target, "mode=rw"), fmt.Sprintf(`%s; PRAGMA user_version = %d`, replaceFeed, copiedFile))
	}
	return translate(ctx, err)
}

// copyTo writes what the database contains at one moment to another file. The connections of a store cannot do this: one writes,
// and the others may not, and to SQLite VACUUM is a write.
func (f *openFile) copyTo(ctx context.Context, file string) error {
	mode := "mode=ro"
	if f.immutable {
		mode += "&immutable=1"
	}
	return runOn(ctx, dsn(f.name, mode), `VACUUM INTO @file`, arg("file", file))
}

// LastBackup returns when RecordBackup was last called, or the time 0 of Unix if it never was.
func (s *Store) LastBackup(ctx context.Context) (time.Time, error) {
	at, err := value[int64](ctx, s.read, `SELECT coalesce(max(at), 0) FROM backups`)
	return items.TimeOf(at), translate(ctx, err)
}

// RecordBackup remembers when a backup was made.
func (s *Store) RecordBackup(ctx context.Context, at time.Time) error {
	return translate(ctx, runOn(ctx, dsn(s.file.name, "mode=rw"), `INSERT OR REPLACE INTO backups (once, at) VALUES (1, @at)`,
		arg("at", at.UnixMilli())))
}

// runOn runs one statement on a new connection.
func runOn(ctx context.Context, dsn, text string, args ...any) error {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, text, args...)
	return errors.Join(err, db.Close())
}

// OpenBackup opens a backup, or another database that no process has open, to read it. The file stays as it is: if its schema
// has to be migrated, OpenBackup migrates a copy in the folder.
//
// It returns an error that names the file if the file is not the whole database of a menu.
func OpenBackup(ctx context.Context, file, folder string) (*Store, error) {
	store, err := openBackup(ctx, file, folder)
	if err != nil {
		// After a semicolon, explain gives advice for a database in use.
		problem, _, _ := strings.Cut(explain(err).Error(), ";")
		return nil, fmt.Errorf("%s: %s", file, problem)
	}
	return store, nil
}

func openBackup(ctx context.Context, file, folder string) (*Store, error) {
	for _, suffix := range []string{"-wal", "-journal"} {
		if info, err := os.Stat(file + suffix); err == nil && info.Size() > 0 {
			return nil, fmt.Errorf("a part of it is in %s%s, because a server has it open or did not shut down cleanly: name a file that "+
				"`menu-api backup` wrote", filepath.Base(file), suffix)
		}
	}
	isOld := false
	opened := &openFile{name: file, immutable: true}
	store, err := openUnchanged(ctx, opened, func(state schema.State) error {
		isOld = len(state.Pending()) > 0
		switch {
		case state.Version == 0:
			return errors.New("it is empty, and no backup is")
		case state.Version > state.Newest():
			return fmt.Errorf("it has schema version %d, and this program would lose what it does not know: restore it with the newer menu-api", state.Version)
		}
		return nil
	})
	if err != nil || !isOld {
		return store, err
	}
	if err := store.Close(); err != nil { //nolint:contextcheck // Close has no context
		return nil, err
	}
	copied := filepath.Join(folder, "copy.db")
	if err := opened.copyTo(ctx, copied); err != nil {
		return nil, err
	}
	return open(ctx, copied, Options{})
}

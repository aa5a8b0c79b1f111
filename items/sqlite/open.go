package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	lib "modernc.org/sqlite/lib"

	"menu-api/items"
)

//go:embed migrations/*.sql
var files embed.FS

// Open opens the SQLite file, creating it and its folder where they are missing, and brings its schema up to date.
//
// It returns an error that names the file if the file cannot be written, is damaged, is not a database of this program,
// or was written by a newer version of it. The file is then as it was.
func Open(ctx context.Context, file string) (*Store, error) {
	return openWithin(ctx, file, math.MaxInt64)
}

// OpenSoon is Open for those who call Check afterwards: it looks for damage only where that takes a moment, in a small file.
func OpenSoon(ctx context.Context, file string) (*Store, error) { return openWithin(ctx, file, soon) }

// soon is the size in bytes of a file that is read in some milliseconds.
const soon = 1 << 20

// openWithin opens the file, and looks for damage first if the file is not larger than so many bytes.
func openWithin(ctx context.Context, file string, checked int64) (*Store, error) {
	for began := time.Now(); ; {
		store, err := open(ctx, file, checked)
		if err == nil {
			return store, nil
		}
		if primaryCode(err) != lib.SQLITE_BUSY || time.Since(began) > startPatience {
			return nil, fmt.Errorf("database %s: %w", file, explain(err))
		}
	}
}

// startPatience is how long a start tries again while the file is locked. SQLite lets those who wait for a lock find it
// free by chance, and does not wait at all where two of them could wait for each other. Of several processes that start
// together on a new file, one can be out of luck for longer than a single wait.
const startPatience = 15 * time.Second

func open(ctx context.Context, file string, checked int64) (_ *Store, err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return nil, fmt.Errorf("its folder cannot be made: %w", err)
	}
	read, err := openReaders(file)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = read.Close()
		}
	}()
	version, err := inspect(ctx, read, file, checked)
	if err != nil {
		return nil, err
	}
	// With synchronous=FULL a commit is on the disk before it is answered.
	db, err := sql.Open("sqlite", dsn(file, patience, "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)",
		fmt.Sprintf("_pragma=wal_autocheckpoint(%d)", foldedPages), "_txlock=immediate"))
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
	writer, err := newWriter(ctx, file, db)
	if err != nil {
		return nil, err
	}
	s := &Store{file: file, writer: writer, read: pool{read}}
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// openReaders returns a pool of connections that only read. They need a file.
func openReaders(file string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(file, patience, "_pragma=query_only(1)", "mode=rw"))
	if err == nil {
		readers := max(4, runtime.GOMAXPROCS(0))
		db.SetMaxOpenConns(readers)
		db.SetMaxIdleConns(readers)
	}
	return db, err
}

// patience comes before all other options, so that they wait for a lock as well.
const patience = "_pragma=busy_timeout(5000)"

func dsn(file string, options ...string) string {
	return "file:" + url.PathEscape(file) + "?" + strings.Join(options, "&")
}

// inspect looks at the file before anything in it is changed, and returns the version of its schema, 0 for a new file. If it
// is not larger than so many bytes, it is read whole, so that damage stops the start and not, some day, a request.
func inspect(ctx context.Context, read *sql.DB, file string, checked int64) (version int64, err error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return 0, nil
	}
	if err == nil && info.Size() <= checked {
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
		return 0, fmt.Errorf("it has schema version %d, this program knows up to %d: run the newer menu-api that wrote it", version, newestVersion())
	}
	return version, nil
}

// Check reads the whole file and returns an error that names it if it is damaged.
func (s *Store) Check(ctx context.Context) error {
	if err := check(ctx, s.read.DB); err != nil && ctx.Err() == nil {
		return fmt.Errorf("database %s: %w", s.file, explain(err))
	}
	return ctx.Err()
}

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

// migration is a file of SQL that raises the schema to a version.
type migration struct {
	version int64
	sql     string
}

// afterwards is what a migration does to the rows that SQL cannot do, by version.
var afterwards = map[int64]func(context.Context, *sql.Tx) error{2: beginHistory}

// beginHistory gives the items of a database that had no history yet a first entry in it, and their folded text.
func beginHistory(ctx context.Context, tx *sql.Tx) error {
	// The columns that there are at this version, whatever later ones add.
	var menu []items.Item
	err := each(ctx, transaction{tx}, func(row scanner) error {
		var i items.Item
		err := row.Scan(&i.ID, &i.Name, &i.Price, &i.Description, &i.Image, &i.Tagline, &i.Category, &i.Calories, &i.Version)
		menu = append(menu, i)
		return err
	}, `SELECT id, name, price, description, image, tagline, category, calories, version FROM items`)
	if err != nil {
		return err
	}
	for _, item := range menu {
		after, err := items.Snapshot(&item)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE items SET search = ?, name_key = ?, group_key = ? WHERE id = ?`,
			items.SearchText(item), items.SortKey(item.Name), items.SortKey(item.Category), item.ID)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx,
			`INSERT INTO changes (item_id, version, action, author, at, after_json) VALUES (?, ?, ?, ?, ?, ?)`,
			item.ID, item.Version, items.Created, "menu-api", time.Now().UnixMilli(), after)
		if err != nil {
			return err
		}
	}
	return nil
}

// migrations are those of the embedded files, in their order.
var migrations = sync.OnceValue(func() []migration {
	names, err := fs.Glob(files, "migrations/*.sql") // sorted
	if err != nil {
		panic(err)
	}
	all := make([]migration, len(names))
	for i, name := range names {
		text, err := files.ReadFile(name)
		if err == nil {
			all[i].sql = string(text)
			all[i].version, err = goose.NumericComponent(name)
		}
		if err != nil {
			panic(err) // a file that was embedded under a wrong name
		}
	}
	return all
})

func newestVersion() int64 { return migrations()[len(migrations())-1].version }

// migrate brings the schema up to date, each migration in a transaction of its own.
func migrate(ctx context.Context, db *sql.DB) error {
	var steps []*goose.Migration
	for _, m := range migrations() {
		steps = append(steps, goose.NewGoMigration(m.version, &goose.GoFunc{RunTx: m.applyOnce}, nil))
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, nil, goose.WithGoMigrations(steps...))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// applyOnce applies the migration unless another process has. goose has read the version before this transaction began,
// so of two processes that start together both come here. The transaction holds the write lock: the second one waits,
// and looks again.
func (m migration) applyOnce(ctx context.Context, tx *sql.Tx) error {
	var applied bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM goose_db_version WHERE version_id = ? AND is_applied)`, m.version).Scan(&applied)
	if err != nil || applied {
		return err
	}
	if _, err = tx.ExecContext(ctx, m.sql); err != nil {
		return err
	}
	if more := afterwards[m.version]; more != nil {
		return more(ctx, tx)
	}
	return nil
}

var errDamaged = errors.New("it is damaged; restore it from a backup, or move it away to start with a new one")

// explain says what an error of the engine means for the person who starts the program.
func explain(err error) error {
	switch primaryCode(err) {
	case lib.SQLITE_NOTADB:
		return errors.New("it is not an SQLite database; move it away, or name another file in DATABASE_URL")
	case lib.SQLITE_CORRUPT:
		return errDamaged
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

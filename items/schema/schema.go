// Package schema holds the rules for the version of a database's schema, which are the same for both engines.
//
// Each migration raises the version by one. A version of the program runs beside the next one and after it (a rollback), so
// a migration only adds what the old version ignores: a new column has a default. What nothing uses any more is removed a
// release later, by a migration that also raises compatibility.oldest.
package schema

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

// OldestReadable is the schema of the release before this one. Commands that only read, read it without a migration.
const OldestReadable = 8

// Use is what a program opens the database for.
type Use int

const (
	// Migrate raises an older schema to the newest version.
	Migrate Use = iota
	// Current refuses an older schema.
	Current
	// Read changes nothing, and refuses a schema that is older than OldestReadable.
	Read
)

// Migration is an SQL file that raises the schema to a version.
type Migration struct {
	Version int64
	Name    string
	SQL     string
}

// MustRead returns the embedded migrations, in order.
func MustRead(files fs.FS) []Migration {
	names, err := fs.Glob(files, "migrations/*.sql") // sorted
	if err != nil {
		panic(err)
	}
	list := make([]Migration, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(files, name)
		if err == nil {
			list[i].SQL, list[i].Name = string(text), strings.TrimSuffix(path.Base(name), ".sql")
			list[i].Version, err = goose.NumericComponent(name)
		}
		if err != nil {
			panic(err) // an embedded file has a wrong name
		}
	}
	return list
}

// State is the schema of a database.
type State struct {
	// Version is that of the newest migration in the database, 0 for an empty database.
	Version int64
	// Oldest is the oldest version that a program must know to use the database, 0 if the database does not record it.
	Oldest int64
	// Migrations are those that the program knows.
	Migrations []Migration
}

// The statements that read a State. Each table may be missing.
const (
	SelectVersion = `SELECT coalesce(max(version_id), 0) FROM goose_db_version`
	SelectOldest  = `SELECT oldest FROM compatibility`
)

// Newest is the newest version that the program knows.
func (s State) Newest() int64 { return s.Migrations[len(s.Migrations)-1].Version }

// Pending returns the migrations that the database lacks.
func (s State) Pending() (pending []Migration) {
	for _, m := range s.Migrations {
		if m.Version > s.Version {
			pending = append(pending, m)
		}
	}
	return pending
}

// Check returns an error that says what to do if the program must not use the database.
func (s State) Check(use Use) error {
	switch newest := s.Newest(); {
	case s.Version > newest && (s.Oldest == 0 || s.Oldest > newest):
		return fmt.Errorf("it has schema version %d, but this program knows versions up to %d: run the newer menu-api that wrote it", s.Version, newest)
	case use == Current && s.Version < newest:
		return fmt.Errorf("it has schema version %d, but this program needs %d: run `menu-api migrate up`, because MIGRATE_ON_START is false", s.Version, newest)
	case use == Read && s.Version < OldestReadable:
		return fmt.Errorf("it has schema version %d, but this command reads versions from %d: run `menu-api migrate up` first", s.Version, OldestReadable)
	}
	return nil
}

// Up applies the migrations that the database lacks. It calls done after each; done may be nil.
func Up(ctx context.Context, provider *goose.Provider, done func(version int64, took time.Duration)) error {
	for {
		result, err := provider.UpByOne(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) {
			return nil
		}
		if err != nil {
			return err
		}
		if done != nil {
			done(result.Source.Version, result.Duration)
		}
	}
}

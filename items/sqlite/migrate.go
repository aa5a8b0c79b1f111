package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"time"

	"github.com/pressly/goose/v3"

	"menu-api/items/schema"
)

//go:embed migrations/*.sql
var files embed.FS

var migrations = schema.MustRead(files)

// migrate raises the schema to the newest version, with a transaction for each migration.
func migrate(ctx context.Context, db *sql.DB, done func(version int64, took time.Duration)) error {
	var steps []*goose.Migration
	for _, m := range migrations {
		apply := func(ctx context.Context, tx *sql.Tx) error { return applyOnce(ctx, tx, m) }
		steps = append(steps, goose.NewGoMigration(m.Version, &goose.GoFunc{RunTx: apply}, nil))
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, nil, goose.WithGoMigrations(steps...))
	if err != nil {
		return err
	}
	return schema.Up(ctx, provider, done)
}

// applyOnce applies the migration unless another process has done so. goose reads the version before this transaction
// begins, so if two processes start together, both get here. The transaction holds the write lock: the second process
// waits, and then finds the migration applied.
func applyOnce(ctx context.Context, tx *sql.Tx, m schema.Migration) error {
	applied, err := value[bool](ctx, tx, `SELECT EXISTS (SELECT 1 FROM goose_db_version WHERE version_id = @version AND is_applied)`,
		arg("version", m.Version))
	if err != nil || applied {
		return err
	}
	_, err = tx.ExecContext(ctx, m.SQL)
	return err
}

package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"time"

	"github.com/pressly/goose/v3"

	"menu-api/items"
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
	if _, err = tx.ExecContext(ctx, m.SQL); err != nil {
		return err
	}
	if m.Version == 2 {
		return beginHistory(ctx, tx)
	}
	return nil
}

// beginHistory is the part of migration 2 that SQL cannot do: it adds the first change and the folded text of every item.
func beginHistory(ctx context.Context, tx *sql.Tx) error {
	// The columns of this version; later versions have more.
	menu, err := all(ctx, tx, func(row *sql.Rows) (i items.Item, err error) {
		err = row.Scan(&i.ID, &i.Name, &i.Price, &i.Description, &i.Image, &i.Tagline, &i.Category, &i.Calories, &i.Version)
		return i, err
	}, `SELECT id, name, price, description, image, tagline, category, calories, version FROM items`)
	if err != nil {
		return err
	}
	for _, item := range menu {
		after, err := items.Snapshot(&item)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE items SET search = @search, name_key = @name_key, group_key = @group_key WHERE id = @id`,
			itemArgs(item)...)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
INSERT INTO changes (item_id, version, action, author, at, after_json) VALUES (@id, @version, 'create', 'menu-api', @at, @after)`,
			arg("id", item.ID), arg("version", item.Version), arg("at", time.Now().UnixMilli()), arg("after", after))
		if err != nil {
			return err
		}
	}
	return nil
}

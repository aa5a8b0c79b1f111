package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"menu-api/config"
	"menu-api/items"
	"menu-api/items/sqlite"
	"menu-api/items/transfer"
)

// restoreCommand accepts a backup of either engine, so it is also the way from SQLite to PostgreSQL and back.
func (a *app) restoreCommand() *cobra.Command {
	var replace bool
	c := &cobra.Command{
		Use: "restore FILE", Args: one("file"),
		Short: "Restore the menu and the history of a backup",
		Long: "Restore the menu and the history of a backup: all or nothing. The backup may be of another engine than the database, " +
			"and the server may be running. Idempotency keys are not restored.",
		RunE: a.with(config.Client, func(c *cobra.Command, cfg config.Config, args []string) error {
			return orStopped(c.Context(), restore(c, cfg, args[0], replace), "the database was not changed")
		}),
	}
	c.Flags().BoolVar(&replace, "replace", false, "remove the current menu and its history first")
	return c
}

// restore reads a backup of either kind into a database of either engine. It checks the backup before it opens the database,
// so a file that is not a backup changes nothing.
func restore(c *cobra.Command, cfg config.Config, name string, replace bool) (err error) {
	if err := notTheDatabase(cfg, name); err != nil {
		return err
	}
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", name, cause(err))
	}
	defer func() { _ = file.Close() }()
	ctx, stderr := c.Context(), c.ErrOrStderr()
	// The content says which kind of backup it is, because people rename files.
	var saved *sqlite.Store // nil if the backup is a compressed export
	if !isCompressed(file) {
		// OpenBackup migrates an old backup in this folder, so that the file stays as it is.
		var folder string
		if folder, err = os.MkdirTemp("", "menu-api-restore-*"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
		saved, err = sqlite.OpenBackup(ctx, name, folder)
		switch {
		case err != nil && transfer.FormatOf(name) != "":
			return fmt.Errorf("%w; for JSON Lines and CSV, use menu-api import", err)
		case err != nil:
			return err
		}
		defer func() { err = errors.Join(err, saved.Close()) }()
	}
	return withStore(c, cfg, toWrite(cfg), func(store database) error {
		// The items keep their ids, so there must be no others. A new database is empty: only a server adds the default menu.
		if !replace {
			if err := mustBeEmpty(ctx, cfg, store); err != nil {
				return err
			}
		}
		var count transfer.Count
		var p *progress
		var err error
		if saved != nil {
			p = byRecords(stderr, "restore")
			defer p.end()
			count, err = transfer.Copy(ctx, saved, store, systemAuditInfo(), replace, p.moved)
		} else {
			p = byBytes(stderr, "restore", unknown)
			defer p.end()
			count, err = importBackup(ctx, store, file, replace, p)
		}
		if err == nil {
			p.done(fmt.Sprintf("restored %s into %s", count, cfg.Database))
		}
		return err
	})
}

// isCompressed reports whether a backup is a compressed export, and not an SQLite database.
func isCompressed(file io.ReaderAt) bool {
	var header zstd.Header
	start := make([]byte, zstd.HeaderMaxSize)
	n, _ := file.ReadAt(start, 0) // a short file is no export
	return header.Decode(start[:n]) == nil
}

// importBackup restores a compressed export.
func importBackup(ctx context.Context, to items.Store, file *os.File, replace bool, p *progress) (count transfer.Count, err error) {
	text, err := zstd.NewReader(p.reader(file)) // not closed, because a goroutine of Import may still read after an error
	if err != nil {
		return count, err
	}
	source := transfer.File{Name: file.Name(), Format: transfer.JSONL, Reader: text, MayBeEmpty: true}
	return transfer.Import(ctx, to, systemAuditInfo(), source, replace)
}

// mustBeEmpty returns an error if the database contains an item, or the history of one.
func mustBeEmpty(ctx context.Context, cfg config.Config, store items.Store) error {
	var found transfer.Count
	errFound := errors.New("found a change") // ends the export early; items come before changes
	err := store.Export(ctx, true, func(rec items.Record) error {
		if rec.Change != nil {
			found.Changes++
			return errFound
		}
		found.Items++
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, errFound):
		return err
	case found.Items > 0:
		found.Changes = 0
		return fmt.Errorf("the database %s contains %s; restore --replace removes them first", cfg.Database, found)
	case found.Changes > 0:
		return fmt.Errorf("the database %s contains the history of deleted items; restore --replace removes it first", cfg.Database)
	}
	return nil
}

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"menu-api/config"
	"menu-api/items"
	"menu-api/items/schema"
	"menu-api/items/sqlite"
	"menu-api/items/transfer"
)

// backupCommand is for scheduled jobs: it needs the settings of the server but not the server, and it never leaves half a file.
func (a *app) backupCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "backup FILE", Args: one("file"),
		Short: "Back up the database to a file, while the server is running",
		Long: "Back up the database, as it is at one moment, to a file. The server may be running. For SQLite, the file is a copy of " +
			"the database; for PostgreSQL, it is a compressed export with the history. restore accepts both, for either engine.",
		RunE: a.with(config.Client, func(c *cobra.Command, cfg config.Config, args []string) error {
			return orStopped(c.Context(), backup(c, cfg, args[0], force), "no file was written")
		}),
	}
	c.Flags().BoolVar(&force, "force", false, "replace FILE if it exists")
	return c
}

// backup checks the file name first, so that no database is read in vain.
func backup(c *cobra.Command, cfg config.Config, name string, force bool) error {
	if err := cmp.Or(notTheDatabase(cfg, name), mayWrite(name, force)); err != nil {
		return err
	}
	ctx, stderr := c.Context(), c.ErrOrStderr()
	return withStore(c, cfg, schema.Read, func(store database) error {
		p := byBytes(stderr, "backup", unknown)
		defer p.end()
		err := writeAtomically(name, force, func(file *os.File) error {
			// SQLite writes the copy itself. Only the size of the file shows how far it is.
			defer p.watch(file)()
			if local, ok := store.(*sqlite.Store); ok {
				return local.Backup(ctx, file.Name())
			}
			return exportBackup(ctx, store, file)
		})
		if err != nil {
			return err
		}
		// Only after the file is complete. The time is for a metric, so a read-only database is not an error.
		_ = store.RecordBackup(ctx, time.Now())
		size := ""
		if info, err := os.Stat(name); err == nil {
			size = fmt.Sprintf(" (%s)", humanize.Bytes(uint64(info.Size()))) //nolint:gosec // a size is not negative
		}
		p.done(fmt.Sprintf("backed up %s to %s%s", cfg.Database, name, size))
		return nil
	})
}

// exportBackup writes the menu and its history as a compressed export. The checksum in it detects damage. An empty menu is a
// frame too, so that restore recognises the file.
func exportBackup(ctx context.Context, store items.Store, file *os.File) error {
	compressed, err := zstd.NewWriter(file, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithZeroFrames(true))
	if err != nil {
		return err
	}
	_, err = transfer.Export(ctx, store, compressed, transfer.JSONL, true, nil)
	return errors.Join(err, compressed.Close())
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"menu-api/config"
	"menu-api/items"
	"menu-api/items/sqlite"
	"menu-api/items/transfer"
)

func (a *app) backupCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "backup FILE", Args: oneFile,
		Short: "Write the database of one moment into a file, while the server is running",
		Long: "Write the database of one moment into a file, while the server is running. The file is an SQLite database, whatever the " +
			"engine; restore puts it into either.",
	}
	c.Flags().BoolVar(&force, "force", false, "replace FILE if it exists")
	c.RunE = a.with(config.Client, func(ctx context.Context, cfg config.Config, args []string) error {
		return orStopped(ctx, backup(ctx, cfg, args[0], force, c.ErrOrStderr()), "no file was written")
	})
	return c
}

func backup(ctx context.Context, cfg config.Config, name string, force bool, stderr io.Writer) (err error) {
	if err := errors.Join(notTheDatabase(cfg, name), mayWrite(name, force)); err != nil {
		return err
	}
	store, err := openToRead(ctx, cfg, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	var p *progress
	err = writeAtomically(name, force, func(temporary string) error {
		if local, ok := store.(*sqlite.Store); ok {
			p = byBytes(stderr, "backup", unknown)
			defer p.end()
			defer p.watch(temporary)()
			return local.Backup(ctx, temporary)
		}
		p = byRecords(stderr, "backup")
		defer p.end()
		return backupOther(ctx, store, temporary, p.moved)
	})
	if err != nil {
		return err
	}
	if recorder, ok := store.(interface {
		RecordBackup(ctx context.Context, at time.Time) error
	}); ok {
		_ = recorder.RecordBackup(ctx, time.Now()) // it is only for a metric, and the database may be read-only
	}
	size := ""
	if info, err := os.Stat(name); err == nil {
		size = fmt.Sprintf(" (%s)", humanize.Bytes(uint64(info.Size()))) //nolint:gosec // a size is not negative
	}
	p.done(fmt.Sprintf("backed up %s to %s%s", cfg.Database, name, size))
	return nil
}

// backupOther backs up a store of another engine. It copies the menu into a temporary SQLite database and backs that up, so
// that every backup has the same format.
func backupOther(ctx context.Context, store items.Store, file string, moved func(transfer.Count)) (err error) {
	local, err := sqlite.Open(ctx, file+".db")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, local.Close()) }() //nolint:contextcheck // Close has no context
	if _, err := transfer.Copy(ctx, store, local, systemAuditInfo(), false, moved); err != nil {
		return err
	}
	return local.Backup(ctx, file)
}

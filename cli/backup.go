package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"menu-api/config"
	"menu-api/items"
	"menu-api/items/sqlite"
	"menu-api/items/transfer"
)

func (a *app) backupCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "backup FILE", Args: one("file"),
		Short: "Write the database of one moment into a file, while the server is running",
		Long: "Write the database of one moment into a file, while the server is running. For SQLite, it is a copy of the " +
			"database; for PostgreSQL, a compressed export with the history. restore puts either into either engine.",
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
		return exportBackup(ctx, store, temporary, p.moved)
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

// exportBackup writes the menu and its history as a compressed export. The checksum in it detects damage.
func exportBackup(ctx context.Context, store items.Store, file string, moved func(transfer.Count)) (err error) {
	target, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	compressed, err := zstd.NewWriter(target, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithZeroFrames(true))
	if err != nil {
		return err
	}
	_, err = transfer.Export(ctx, store, compressed, transfer.JSONL, true, moved)
	return errors.Join(err, compressed.Close())
}

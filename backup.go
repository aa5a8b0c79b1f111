package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"menu-api/config"
	"menu-api/items"
	"menu-api/items/sqlite"
	"menu-api/items/transfer"
)

func backupCommand(ctx context.Context, with withSettings) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "backup FILE", Args: oneFile,
		Short: "Write the database of one moment into a file, while the server is running",
		Long: "Write the database of one moment into a file, while the server is running. The file is an SQLite database, whatever the " +
			"engine; restore puts it into either.",
	}
	c.Flags().BoolVar(&force, "force", false, "replace FILE if it is there")
	c.RunE = with(config.Client, func(cfg config.Config, args []string) error {
		if err := notTheDatabase(cfg, args[0]); err != nil {
			return err
		}
		return interrupted(ctx, backup(ctx, cfg, args[0], force, c.ErrOrStderr()), "no file was written")
	})
	return c
}

func backup(ctx context.Context, cfg config.Config, name string, force bool, stderr io.Writer) (err error) {
	if err := mayWrite(name, force); err != nil {
		return err // before anything is opened
	}
	store, err := openExisting(ctx, cfg, quietLogger(cfg, stderr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	var p *progress
	err = writeNew(name, force, func(temporary string) error {
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
	size := ""
	if info, err := os.Stat(name); err == nil {
		size = fmt.Sprintf(" (%s)", humanize.Bytes(uint64(info.Size()))) //nolint:gosec // no size is negative
	}
	p.done(fmt.Sprintf("backed up %s to %s%s", cfg.Database, name, size))
	return nil
}

// backupOther backs up a store of another engine: it moves the menu into an SQLite database beside the file, and backs
// that one up, so that every backup is of one kind.
func backupOther(ctx context.Context, store items.Store, file string, moved func(transfer.Count)) (err error) {
	local, err := sqlite.Open(ctx, file+".db")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, local.Close()) }()
	if _, err := transfer.Copy(ctx, store, local, systemStamp(), false, moved); err != nil {
		return err
	}
	return local.Backup(ctx, file)
}

func restoreCommand(ctx context.Context, with withSettings) *cobra.Command {
	var replace bool
	c := &cobra.Command{
		Use: "restore FILE", Args: oneFile,
		Short: "Put the menu of a backup, with its history, into the database",
		Long: "Put the menu of a backup, with its history, into the database, which may be of another engine: all of it, or nothing. " +
			"The server may be running. Idempotency keys are not restored.",
	}
	c.Flags().BoolVar(&replace, "replace", false, "remove the menu and its history from the database first")
	c.RunE = with(config.Client, func(cfg config.Config, args []string) error {
		if err := notTheDatabase(cfg, args[0]); err != nil {
			return err
		}
		return interrupted(ctx, restore(ctx, cfg, args[0], replace, c.ErrOrStderr()), "the database is as it was")
	})
	return c
}

func restore(ctx context.Context, cfg config.Config, name string, replace bool, stderr io.Writer) (err error) {
	folder, err := os.MkdirTemp("", "menu-api-restore-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	saved, err := sqlite.OpenCopy(ctx, name, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, saved.Close()) }()
	store, err := openStore(ctx, cfg, quietLogger(cfg, stderr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if !replace {
		if err := mustBeEmpty(ctx, cfg, store); err != nil {
			return err
		}
	}
	p := byRecords(stderr, "restore")
	defer p.end()
	count, err := transfer.Copy(ctx, saved, store, systemStamp(), replace, p.moved)
	if err == nil {
		p.done(fmt.Sprintf("restored %s into %s", count, cfg.Database))
	}
	return err
}

// mustBeEmpty refuses a database that holds an item, or the history of one.
func mustBeEmpty(ctx context.Context, cfg config.Config, store items.Store) error {
	var held transfer.Count
	enough := errors.New("enough")
	err := store.Export(ctx, true, func(rec items.Record) error {
		if rec.Change != nil {
			held.Changes++
			return enough
		}
		held.Items++
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, enough):
		return err
	case held.Items > 0:
		held.Changes = 0
		return fmt.Errorf("the database %s holds %s; restore --replace removes them first", cfg.Database, held)
	case held.Changes > 0:
		return fmt.Errorf("the database %s holds the history of deleted items; restore --replace removes it first", cfg.Database)
	}
	return nil
}

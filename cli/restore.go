package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"menu-api/config"
	"menu-api/items"
	"menu-api/items/sqlite"
	"menu-api/items/transfer"
)

func (a *app) restoreCommand() *cobra.Command {
	var replace bool
	c := &cobra.Command{
		Use: "restore FILE", Args: oneFile,
		Short: "Put the menu of a backup, with its history, into the database",
		Long: "Put the menu of a backup, with its history, into the database, which may be of another engine: all of it, or nothing. " +
			"The server may be running. Idempotency keys are not restored.",
	}
	c.Flags().BoolVar(&replace, "replace", false, "remove the menu and its history from the database first")
	c.RunE = a.with(config.Client, func(ctx context.Context, cfg config.Config, args []string) error {
		return orStopped(ctx, restore(ctx, cfg, args[0], replace, c.ErrOrStderr()), "the database was not changed")
	})
	return c
}

func restore(ctx context.Context, cfg config.Config, name string, replace bool, stderr io.Writer) (err error) {
	if err := notTheDatabase(cfg, name); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "menu-api-restore-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	saved, err := sqlite.OpenCopy(ctx, name, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, saved.Close()) }() //nolint:contextcheck // Close has no context
	store, err := openStore(ctx, cfg, toWrite(cfg), quietLogger(cfg, stderr))
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
	count, err := transfer.Copy(ctx, saved, store, systemAuditInfo(), replace, p.moved)
	if err == nil {
		p.done(fmt.Sprintf("restored %s into %s", count, cfg.Database))
	}
	return err
}

// mustBeEmpty returns an error if the database contains an item, or the history of one.
func mustBeEmpty(ctx context.Context, cfg config.Config, store items.Store) error {
	var found transfer.Count
	errFound := errors.New("found a change")
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

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"menu-api/config"
	"menu-api/items"
)

func (a *app) eraseCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "erase SUBJECT", Args: one("subject"),
		Short: "Replace a person in the history by \"" + items.Erased + "\"",
		Long: "Replace a person in the history by \"" + items.Erased + "\", and forget the person's idempotency keys. SUBJECT is the sub of the " +
			"person's tokens, such as auth0|5f7c8ec7c33c6c004bbafe82. The server may be running. It does not change backups, and what the " +
			"person changes afterwards is recorded under the subject again.",
	}
	c.RunE = a.with(config.Client, func(ctx context.Context, cfg config.Config, args []string) error {
		return orStopped(ctx, erase(ctx, cfg, args[0], c.ErrOrStderr()), "a part of the history was changed: run it again")
	})
	return c
}

func erase(ctx context.Context, cfg config.Config, subject string, stderr io.Writer) (err error) {
	if err := mustExist(cfg); err != nil {
		return err
	}
	store, err := openStore(ctx, cfg, toWrite(cfg), quietLogger(cfg, stderr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	changes, err := store.Erase(ctx, subject)
	if err == nil {
		_, err = fmt.Fprintf(stderr, "replaced the subject in %d changes\n", changes)
	}
	return err
}

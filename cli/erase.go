package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"menu-api/config"
	"menu-api/items"
)

// eraseCommand is for requests to be forgotten (GDPR, article 17). The history stays complete without the person's subject.
func (a *app) eraseCommand() *cobra.Command {
	return &cobra.Command{
		Use: "erase SUBJECT", Args: one("subject"),
		Short: "Replace a person in the history with \"" + items.Erased + "\"",
		Long: "Replace a person in the history with \"" + items.Erased + "\", and forget the person's idempotency keys. SUBJECT is the sub of the " +
			"person's tokens, such as auth0|5f7c8ec7c33c6c004bbafe82. The server may be running. Backups keep the subject, and " +
			"later changes by the person are recorded under it again.",
		RunE: a.with(config.Client, func(c *cobra.Command, cfg config.Config, args []string) error {
			// Opening to write would create the file, and then report success.
			if err := mustExist(cfg); err != nil {
				return err
			}
			err := withStore(c, cfg, toWrite(cfg), func(store database) error {
				changes, err := store.Erase(c.Context(), args[0])
				if err == nil {
					_, err = fmt.Fprintf(c.ErrOrStderr(), "changes in which the subject was replaced: %d\n", changes)
				}
				return err
			})
			return orStopped(c.Context(), err, "a part of the history was changed; run the command again")
		}),
	}
}

package cli

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"menu-api/config"
	"menu-api/items/transfer"
)

func (a *app) exportCommand() *cobra.Command {
	var format string
	var history, force bool
	c := &cobra.Command{
		Use: "export [FILE]", Args: cobra.MaximumNArgs(1),
		Short: "Write the menu as JSON Lines or CSV to a file, or to standard output",
	}
	c.Flags().StringVar(&format, "format", "", "jsonl or csv (default by the name of the file, else jsonl)")
	c.Flags().BoolVar(&history, "history", true, "with the history of the items; CSV has no place for it")
	c.Flags().BoolVar(&force, "force", false, "replace FILE if it is there")
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, err := a.load(config.Client)
		if err != nil {
			return err
		}
		name := fileArgument(args)
		format, err := formatFor(format, name)
		if err != nil {
			return err
		}
		return exportMenu(c.Context(), cfg, name, force, c.OutOrStdout(), c.ErrOrStderr(), format, history)
	}
	return c
}

func exportMenu(
	ctx context.Context, cfg config.Config, name string, force bool, stdout, stderr io.Writer, format transfer.Format, history bool,
) error {
	write := func(to io.Writer) (err error) {
		store, err := openExisting(ctx, cfg, quietLogger(cfg, stderr))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		p := byRecords(stderr, "export")
		defer p.end()
		count, err := transfer.Export(ctx, store, to, format, history, p.moved)
		if err == nil {
			p.done("exported " + count.String())
		}
		return err
	}
	if name == standard {
		return interrupted(ctx, write(stdout), "what was written is not complete")
	}
	if err := notTheDatabase(cfg, name); err != nil {
		return err
	}
	err := writeAtomically(name, force, func(temporary string) (err error) {
		file, err := os.OpenFile(temporary, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		return write(file)
	})
	return interrupted(ctx, err, "no file was written")
}

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
	c.Flags().StringVar(&format, "format", "", "jsonl, csv, or spreadsheet: csv in which no text is a formula (default by the name of the file, otherwise jsonl)")
	c.Flags().BoolVar(&history, "history", true, "with the history of the items; CSV does not support it")
	c.Flags().BoolVar(&force, "force", false, "replace FILE if it exists")
	c.RunE = a.with(config.Client, func(ctx context.Context, cfg config.Config, args []string) error {
		name := standard
		if len(args) > 0 {
			name = args[0]
		}
		format, err := formatFor(format, name, transfer.JSONL, transfer.CSV, transfer.Spreadsheet)
		if err != nil {
			return err
		}
		write := func(to io.Writer) error { return export(ctx, cfg, to, c.ErrOrStderr(), format, history) }
		if name == standard {
			return orStopped(ctx, write(c.OutOrStdout()), "the output is not complete")
		}
		if err := notTheDatabase(cfg, name); err != nil {
			return err
		}
		err = writeAtomically(name, force, func(temporary string) (err error) {
			file, err := os.OpenFile(temporary, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, file.Close()) }()
			return write(file)
		})
		return orStopped(ctx, err, "no file was written")
	})
	return c
}

func export(ctx context.Context, cfg config.Config, to, stderr io.Writer, format transfer.Format, history bool) (err error) {
	store, err := openToRead(ctx, cfg, stderr)
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

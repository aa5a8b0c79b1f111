package cli

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"menu-api/config"
	"menu-api/items/schema"
	"menu-api/items/transfer"
)

// exportCommand is for spreadsheets and other programs. backup is what restore needs.
func (a *app) exportCommand() *cobra.Command {
	var format string
	var history, force bool
	c := &cobra.Command{
		Use: "export [FILE]", Args: cobra.MaximumNArgs(1),
		Short: "Write the menu as JSON Lines or CSV to a file, or to standard output",
		RunE: a.with(config.Client, func(c *cobra.Command, cfg config.Config, args []string) error {
			name := standard
			if len(args) > 0 {
				name = args[0]
			}
			format, err := formatFor(format, name, transfer.JSONL, transfer.CSV, transfer.Spreadsheet)
			if err != nil {
				return err
			}
			// The progress goes to standard error, because standard output may be the export.
			write := func(to io.Writer) error {
				return withStore(c, cfg, schema.Read, func(store database) error {
					p := byRecords(c.ErrOrStderr(), "export")
					defer p.end()
					count, err := transfer.Export(c.Context(), store, to, format, history, p.moved)
					if err == nil {
						p.done("exported " + count.String())
					}
					return err
				})
			}
			if name == standard {
				return orStopped(c.Context(), write(c.OutOrStdout()), "the output is not complete")
			}
			// --force must not replace the database with its own export.
			if err := notTheDatabase(cfg, name); err != nil {
				return err
			}
			err = writeAtomically(name, force, func(file *os.File) error { return write(file) })
			return orStopped(c.Context(), err, "no file was written")
		}),
	}
	c.Flags().StringVar(&format, "format", "", "jsonl, csv, or spreadsheet (csv without formulas); the default follows the name of the file, else it is jsonl")
	c.Flags().BoolVar(&history, "history", true, "include the history of the items, in jsonl")
	c.Flags().BoolVar(&force, "force", false, "replace FILE if it exists")
	return c
}

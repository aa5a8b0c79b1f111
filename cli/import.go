package cli

import (
	"crypto/rand"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/text/encoding/htmlindex"

	"menu-api/config"
	"menu-api/items/transfer"
)

// importCommand adds a file from people or other programs, so its errors name the line. Half a menu would be worse than none.
func (a *app) importCommand() *cobra.Command {
	var format, charset string
	var replace bool
	c := &cobra.Command{
		Use: "import FILE", Args: one("file"),
		Short: "Add the items in a JSON Lines or CSV file to the menu: all or none; - means standard input",
		RunE: a.with(config.Client, func(c *cobra.Command, cfg config.Config, args []string) error {
			format, err := formatFor(format, args[0], transfer.JSONL, transfer.CSV)
			if err != nil {
				return err
			}
			source := transfer.File{Name: args[0], Format: format}
			if charset != "" {
				if source.Encoding, err = htmlindex.Get(charset); err != nil {
					return fmt.Errorf("--encoding must be an encoding such as windows-1252 or shift_jis, not %q", charset)
				}
			}
			return orStopped(c.Context(), importFile(c, cfg, source, replace), "nothing was changed")
		}),
	}
	c.Flags().StringVar(&format, "format", "", "jsonl or csv; the default follows the name of the file, else its content")
	c.Flags().StringVar(&charset, "encoding", "", "encoding of a file that is not UTF-8, such as windows-1252")
	c.Flags().BoolVar(&replace, "replace", false, "remove the current menu and its history first")
	return c
}

// importFile opens the file before the database: a typing error in its name must not create a database.
func importFile(c *cobra.Command, cfg config.Config, source transfer.File, replace bool) error {
	size := int64(unknown)
	if source.Name == standard {
		source.Name, source.Reader = "standard input", c.InOrStdin()
	} else {
		file, err := os.Open(source.Name)
		if err != nil {
			return fmt.Errorf("%s cannot be read: %w", source.Name, cause(err))
		}
		defer func() { _ = file.Close() }()
		source.Reader = file
		// Only a regular file has a size. For a pipe, the progress shows what was read, but no percentage.
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
	}
	return withStore(c, cfg, toWrite(cfg), func(store database) error {
		p := byBytes(c.ErrOrStderr(), "import", size)
		defer p.end()
		source.Reader = p.reader(source.Reader)
		info := systemAuditInfo()
		info.Batch = rand.Text() // one entry in the activity
		count, err := transfer.Import(c.Context(), store, info, source, replace)
		if err == nil {
			p.done("imported " + count.String())
		}
		return err
	})
}

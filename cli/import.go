package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"menu-api/config"
	"menu-api/items/transfer"
)

func (a *app) importCommand() *cobra.Command {
	var format string
	var replace bool
	c := &cobra.Command{
		Use: "import FILE", Args: oneFile,
		Short: "Add the items of a JSON Lines or CSV file to the menu, all or none; - is standard input",
	}
	c.Flags().StringVar(&format, "format", "", "jsonl or csv (default by the name of the file, else jsonl)")
	c.Flags().BoolVar(&replace, "replace", false, "remove all items and their history first")
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, err := a.load(config.Client)
		if err != nil {
			return err
		}
		format, err := formatFor(format, args[0])
		if err != nil {
			return err
		}
		return importMenu(c.Context(), cfg, args[0], c.InOrStdin(), c.ErrOrStderr(), format, replace)
	}
	return c
}

func importMenu(
	ctx context.Context, cfg config.Config, name string, stdin io.Reader, stderr io.Writer, format transfer.Format, replace bool,
) (err error) {
	source, size := transfer.File{Name: "standard input", Format: format, Reader: stdin}, int64(unknown)
	if name != standard {
		file, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("%s cannot be read: %w", name, cause(err))
		}
		defer func() { _ = file.Close() }()
		source.Name, source.Reader = name, file
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
	}
	store, err := openStore(ctx, cfg, quietLogger(cfg, stderr))
	if err != nil {
		return interrupted(ctx, err, "nothing was changed")
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	p := byRecords(stderr, "import")
	moved := p.moved
	if size != unknown {
		p = byBytes(stderr, "import", size)
		source.Reader, moved = p.reader(source.Reader), nil
	}
	defer p.end()
	count, err := transfer.Import(ctx, store, systemStamp(), source, replace, moved)
	if err == nil {
		p.done("imported " + count.String())
	}
	return interrupted(ctx, err, "nothing was changed")
}

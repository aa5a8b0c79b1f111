package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"menu-api/config"
	"menu-api/items"
	"menu-api/items/transfer"
)

// withSettings makes what cobra runs of a command that needs the settings.
type withSettings = func(mode config.Mode, do func(cfg config.Config, args []string) error) func(*cobra.Command, []string) error

func exportCommand(ctx context.Context, with withSettings, stdout io.Writer) *cobra.Command {
	var format string
	var history, force bool
	c := &cobra.Command{
		Use: "export [FILE]", Args: cobra.MaximumNArgs(1),
		Short: "Write the menu as JSON Lines or CSV to a file, or to standard output",
	}
	c.Flags().StringVar(&format, "format", "", "jsonl or csv (default by the name of the file, else jsonl)")
	c.Flags().BoolVar(&history, "history", true, "with the history of the items; CSV has no place for it")
	c.Flags().BoolVar(&force, "force", false, "replace FILE if it is there")
	c.RunE = with(config.Client, func(cfg config.Config, args []string) error {
		name := fileArgument(args)
		format, err := formatFor(format, name)
		if err != nil {
			return err
		}
		return exportMenu(ctx, cfg, name, force, stdout, c.ErrOrStderr(), format, history)
	})
	return c
}

func importCommand(ctx context.Context, with withSettings) *cobra.Command {
	var format string
	var replace bool
	c := &cobra.Command{
		Use: "import FILE", Args: oneFile,
		Short: "Add the items of a JSON Lines or CSV file to the menu, all or none; - is standard input",
	}
	c.Flags().StringVar(&format, "format", "", "jsonl or csv (default by the name of the file, else jsonl)")
	c.Flags().BoolVar(&replace, "replace", false, "remove all items and their history first")
	c.RunE = with(config.Client, func(cfg config.Config, args []string) error {
		format, err := formatFor(format, args[0])
		if err != nil {
			return err
		}
		return importMenu(ctx, cfg, args[0], c.InOrStdin(), c.ErrOrStderr(), format, replace)
	})
	return c
}

// standard is the argument that stands for standard input or output.
const standard = "-"

func fileArgument(args []string) string {
	if len(args) == 0 {
		return standard
	}
	return args[0]
}

func formatFor(flag, file string) (transfer.Format, error) {
	switch format := transfer.Format(flag); format {
	case transfer.JSONL, transfer.CSV:
		return format, nil
	case "":
		return transfer.FormatOf(file), nil
	}
	return "", fmt.Errorf("--format must be jsonl or csv, not %q", flag)
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
	err := writeNew(name, force, func(temporary string) (err error) {
		file, err := os.OpenFile(temporary, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		return write(file)
	})
	return interrupted(ctx, err, "no file was written")
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

// oneFile checks the argument of the commands that need a file.
func oneFile(c *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return fmt.Errorf("name one file: %s FILE", c.Name())
	}
	return nil
}

// quietLogger keeps standard output free for an export, and leaves to the commands what they say themselves.
func quietLogger(cfg config.Config, stderr io.Writer) *slog.Logger {
	cfg.LogLevel = max(cfg.LogLevel, slog.LevelWarn)
	return newLogger(cfg, stderr)
}

// openExisting opens a database that is there. It makes none: one who mistypes the settings would get an empty backup,
// and trust it.
func openExisting(ctx context.Context, cfg config.Config, log *slog.Logger) (items.Store, error) {
	if file, ok := cfg.Database.SQLiteFile(); ok {
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("database %s: %w", file, cause(err))
		}
	}
	return openStore(ctx, cfg, log)
}

// notTheDatabase refuses the file of the database itself, which no command may replace under a server.
func notTheDatabase(cfg config.Config, name string) error {
	database, ok := cfg.Database.SQLiteFile()
	if !ok {
		return nil
	}
	named, err := os.Stat(name)
	if err != nil {
		return nil //nolint:nilerr // a file that is not there is another one
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if part, err := os.Stat(database + suffix); err == nil && os.SameFile(part, named) {
			return fmt.Errorf("%s is the database itself, or a part of it; name another file", name)
		}
	}
	return nil
}

// interrupted says what became of a command that was told to stop.
func interrupted(ctx context.Context, err error, outcome string) error {
	if err != nil && ctx.Err() != nil && !errors.Is(err, items.ErrUncertain) {
		return errors.New("stopped: " + outcome)
	}
	return err
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"menu-api/config"
	"menu-api/items"
	"menu-api/items/transfer"
)

// standard is the argument that means standard input or output.
const standard = "-"

// one checks the argument of the commands that need one thing, such as a file.
func one(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 || args[0] == "" {
			return fmt.Errorf("name one %s: %s %s", what, c.Name(), strings.ToUpper(what))
		}
		return nil
	}
}

// formatFor returns the format that the flag or the name of the file says, or "".
func formatFor(flag, file string, known ...transfer.Format) (transfer.Format, error) {
	format := transfer.Format(flag)
	switch {
	case format == "":
		return transfer.FormatOf(file), nil
	case !slices.Contains(known, format):
		return "", fmt.Errorf("--format must be one of %v, not %q", known, flag)
	}
	return format, nil
}

// notTheDatabase rejects the file of the database itself, which no command may replace while a server uses it.
func notTheDatabase(cfg config.Config, name string) error {
	database, ok := cfg.Database.SQLiteFile()
	if !ok {
		return nil
	}
	named, err := os.Stat(name)
	if err != nil {
		return nil //nolint:nilerr // a file that does not exist is another one
	}
	// Names can differ for the same file: a relative path, or a link.
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if part, err := os.Stat(database + suffix); err == nil && os.SameFile(part, named) {
			return fmt.Errorf("%s is the database itself, or a part of it; name another file", name)
		}
	}
	return nil
}

// orStopped returns err, or what was left undone if a signal caused it. A write whose outcome is unknown keeps its own error.
func orStopped(ctx context.Context, err error, outcome string) error {
	if err != nil && ctx.Err() != nil && !errors.Is(err, items.ErrUncertain) {
		return errors.New("stopped: " + outcome)
	}
	return err
}

// Package cli is the program: one file per command, and Run, which picks the command.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"menu-api/config"
)

// app is what the commands share.
type app struct {
	envFile string
	getenv  func(string) string
}

// with returns the RunE of a command that needs the settings. It returns a *config.Error that lists every invalid one. The
// command has the context and the output.
func (a *app) with(mode config.Mode, do func(c *cobra.Command, cfg config.Config, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		cfg, err := config.Load(mode, a.envFile, a.getenv)
		if err != nil {
			return err
		}
		return do(c, cfg, args)
	}
}

// Run runs the command that args name and returns when it is done or the context ends. getenv returns the value of an
// environment variable. Output goes to stdout; an error is for the caller to print, see ExitStatus.
func Run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	a := &app{getenv: getenv}
	serve := a.serveCommand() //nolint:contextcheck // cobra passes the context
	root := &cobra.Command{
		Use: "menu-api", Args: noArgs,
		Short:         "A restaurant menu as a secure REST API",
		Long:          "A restaurant menu as a secure REST API. Without a command it serves the API (see serve).",
		RunE:          serve.RunE,
		Version:       strings.TrimPrefix(version(), "menu-api "), // the library adds the name
		SilenceErrors: true,                                       // main prints them
		SilenceUsage:  true,
	}
	root.AddCommand(
		serve, a.devCommand(), a.tokenCommand(), a.healthcheckCommand(), versionCommand(), //nolint:contextcheck // cobra passes the context
		a.backupCommand(), a.restoreCommand(), a.exportCommand(), a.importCommand(), a.migrateCommand(), a.eraseCommand(), //nolint:contextcheck // cobra passes the context
	)
	root.PersistentFlags().StringVar(&a.envFile, "env-file", config.DefaultEnvFile, "file with settings; environment variables override it")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return fmt.Errorf("%w; see %s --help", err, c.CommandPath()) })
	root.SetOut(stdout)
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

// noArgs rejects arguments, and with them unknown commands. Unlike cobra.NoArgs, it says where to look.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unknown command or argument %q; see %s --help", args[0], c.CommandPath())
	}
	return nil
}

// ExitStatus returns 2 for an invalid configuration, and 1 for any other error.
func ExitStatus(err error) int {
	if _, ok := errors.AsType[*config.Error](err); ok {
		return 2
	}
	return 1
}

package cli

import (
	"cmp"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Args: noArgs,
		Short: "Print the version of this program",
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), version())
			return err
		},
	}
}

// release is the version of a release, which the build sets with -ldflags -X. The source of the container image has no Git
// from which Go could read it.
var release string

// version describes the build: the release, else the module's version, which contains the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "menu-api (unknown build)"
	}
	return fmt.Sprintf("menu-api %s %s", cmp.Or(release, info.Main.Version), info.GoVersion)
}

package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"menu-api/authz/devidp"
	"menu-api/config"
	"menu-api/items"
	"menu-api/server"
)

// devCommand needs no settings, so that a newcomer sees a guarded write at once. The guard is the same as that of serve.
func (a *app) devCommand() *cobra.Command {
	return &cobra.Command{
		Use: "dev", Args: noArgs,
		Short: "Serve the API with a development identity provider; no account is needed",
		RunE: a.with(config.Dev, func(c *cobra.Command, cfg config.Config, _ []string) error {
			a.tuneGC()
			return dev(c.Context(), cfg, c.OutOrStdout())
		}),
	}
}

// dev runs the API and a development identity provider until the context ends.
func dev(ctx context.Context, cfg config.Config, stdout io.Writer) error {
	log, out := serverLogger(cfg, stdout)
	defer out.Close()
	listeners, err := server.Listen(ctx, cfg.DevIDPHost, cfg.DevIDPPort)
	if err != nil {
		return listenError("DEV_IDP_HOST", "DEV_IDP_PORT", err)
	}
	// With DEV_IDP_PORT=0, the issuer's URL is known only now. The guard compares it with each token.
	cfg = cfg.WithDevIDPPort(server.PortOf(listeners))
	provider, err := devidp.New(devidp.Options{
		Issuer:      cfg.Issuer,
		ClientID:    cfg.ClientID,
		Audiences:   cfg.Audiences,
		Permissions: items.Permissions(),
		Logger:      log,

		TokenLifetime: cfg.DevTokenLifetime,
	})
	if err != nil {
		return err
	}
	for _, listener := range listeners {
		defer serveBeside(listener, provider, log)() //nolint:gocritic // ends after the API, which needs its keys
	}
	return serveAPI(ctx, cfg, log, out, func(addr net.Addr) {
		printBanner(out, cfg, addr) // in order with the log lines
	})
}

// imageBinary is the path of the program in the container image.
const imageBinary = "/menu-api"

// programCommand returns the command that runs this program again: from its source, in the same container, or as a binary.
// The banner shows it, so that people can paste it into another terminal. Docker uses the container's id as its host name.
func programCommand(executable, arg, hostname string) string {
	switch {
	case executable == imageBinary, arg == imageBinary: // without /proc, there is no name of the executable
		return "docker exec " + hostname + " " + imageBinary
	case strings.Contains(filepath.ToSlash(executable), "/go-build"): // the temporary folder of go run
		return "go run ."
	}
	return arg
}

// printBanner prints every URL, and commands to paste.
func printBanner(w io.Writer, cfg config.Config, addr net.Addr) {
	_, port, _ := net.SplitHostPort(addr.String())
	api := "http://localhost:" + port
	executable, _ := os.Executable() // without a name, the command is the one that was typed
	hostname, _ := os.Hostname()
	command := programCommand(executable, os.Args[0], hostname)
	if cfg.DevIDPPort != 7001 && !strings.HasPrefix(command, "docker ") { // docker exec has the settings of the container
		command = "DEV_IDP_PORT=" + strconv.Itoa(cfg.DevIDPPort) + " " + command
	}
	_, _ = fmt.Fprintf(w, `
  Menu API, for DEVELOPMENT: anyone who reaches the identity provider below can sign in as administrator.

    Dashboard           %[1]s/
    Menu                %[1]s/items
    API reference       %[1]s/docs
    Identity provider   %[2]s
    Database            %[3]s

  Read the menu:

    curl %[1]s/items

  Add an item:

    TOKEN=$(%[4]s token admin)
    curl %[1]s/items -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
      -d '{"item":{"name":"Soup","price":4.5,"description":"Warm","image":""}}'

  Ctrl-C stops it.

`, api, cfg.Issuer, cfg.Database, command)
}

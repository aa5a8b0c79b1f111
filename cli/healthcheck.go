package cli

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"menu-api/config"
)

// healthcheckCommand is the HEALTHCHECK of the image, which has neither a shell nor curl.
func (a *app) healthcheckCommand() *cobra.Command {
	return &cobra.Command{
		Use: "healthcheck", Args: noArgs,
		Short: "Check whether the local server is ready: the exit status is 0 if it is, otherwise 1",
		RunE: func(c *cobra.Command, args []string) error {
			err := a.with(config.Client, healthcheck)(c, args)
			if err != nil {
				// Not wrapped: the status is 1 even for invalid settings, because Docker reserves 2.
				err = fmt.Errorf("not ready: %v", err) //nolint:errorlint // see above
			}
			return err
		},
	}
}

// healthcheck returns nil if the server on this machine is ready.
func healthcheck(c *cobra.Command, cfg config.Config, _ []string) error {
	ctx, cancel := context.WithTimeout(c.Context(), 3*time.Second)
	defer cancel()
	// A server that listens on all interfaces also listens on loopback.
	host := cfg.Host
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	target := "http://" + net.JoinHostPort(host, strconv.Itoa(cfg.Port)) + "/readyz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return err
	}
	direct := http.Client{Transport: &http.Transport{}} // http.DefaultClient would use HTTP_PROXY unless the host is loopback
	response, err := direct.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s responded with %s", target, response.Status)
	}
	return nil
}

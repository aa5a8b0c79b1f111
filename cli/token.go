package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"menu-api/config"
)

// tokenCommand is for curl and scripts during development. Tokens of a tenant come from the tenant.
func (a *app) tokenCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "token admin|customer",
		Short: "Print an access token from the running development identity provider",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || (args[0] != "admin" && args[0] != "customer") {
				return errors.New("name one development user: token admin, or token customer")
			}
			return nil
		},
		RunE: a.with(config.Dev, func(c *cobra.Command, cfg config.Config, args []string) error {
			token, err := developmentToken(c.Context(), cfg, args[0])
			if err == nil {
				_, err = fmt.Fprintln(c.OutOrStdout(), token)
			}
			return err
		}),
	}
}

// developmentToken returns an access token of the user from the development identity provider. It uses the password grant,
// which needs no browser. The password of a development user is the user name.
func developmentToken(ctx context.Context, cfg config.Config, user string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	form := url.Values{
		"grant_type": {"password"},
		"client_id":  {cfg.ClientID},
		"audience":   {cfg.Audiences[0]},
		"username":   {user},
		"password":   {user},
		"scope":      {"openid profile email"},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, cfg.Issuer+"oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("the development identity provider does not respond on %s; start it with `menu-api dev`", cfg.Issuer)
	}
	defer func() { _ = response.Body.Close() }()
	var body struct {
		AccessToken string `json:"access_token"`
		Description string `json:"error_description"`
	}
	err = json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&body)
	if err != nil || body.AccessToken == "" {
		return "", fmt.Errorf("%s issued no token (%s): %s", cfg.Issuer, response.Status, cmp.Or(body.Description, "check DEV_IDP_PORT"))
	}
	return body.AccessToken, nil
}

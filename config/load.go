package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/viper"
)

// Mode says which command the settings are for.
type Mode int

const (
	// Serve needs an issuer and an audience.
	Serve Mode = iota
	// Dev uses the development identity provider and listens on loopback by default.
	Dev
	// Client is for commands that talk to a running server or open the database. It requires nothing.
	Client
)

// DefaultEnvFile is the settings file that Load reads from the working folder if the file exists.
const DefaultEnvFile = ".env"

// Problem says why a setting is invalid.
type Problem struct {
	Key     string // the name of the setting, or of the settings file
	Message string // what is wrong and what would be right; never a part of a secret
}

// Error holds every invalid setting, so that the user can correct all of them at once.
type Error struct{ Problems []Problem }

// Error returns one line for each invalid setting.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.Key + " " + p.Message
	}
	return "configuration: " + strings.Join(lines, "\n  ")
}

// Load reads the settings: environment variables (through getenv) override envFile, which overrides the defaults. An
// empty value counts as unset. Only DefaultEnvFile may be missing; "" reads no file.
//
// The error is an *Error with every problem.
func Load(mode Mode, envFile string, getenv func(string) string) (Config, error) {
	values := viper.New()
	if envFile != "" {
		values.SetConfigFile(envFile)
		values.SetConfigType("dotenv")
		if err := values.ReadInConfig(); err != nil && !(errors.Is(err, fs.ErrNotExist) && envFile == DefaultEnvFile) {
			return Config{}, &Error{[]Problem{{envFile, fileProblem(err)}}}
		}
	}
	var c Config
	var problems []Problem
	for _, s := range c.settings(mode) {
		if mode == Dev && (s.key == "AUTH0_ISSUER_URL" || s.key == "AUTH0_JWKS_URL") {
			continue // the development provider is the issuer, even if .env names a tenant
		}
		// Viper's own lookup would read the environment of the process. With getenv, parallel tests each have their own.
		if value := strings.TrimSpace(getenv(s.key)); value != "" {
			values.Set(s.key, value)
		}
		text := cmp.Or(strings.TrimSpace(values.GetString(s.key)), s.fallback)
		if text == "" {
			if mode == Serve && (s.key == "AUTH0_ISSUER_URL" || s.key == "AUTH0_AUDIENCE") {
				problems = append(problems, Problem{s.key, "is required (see .env.example); `menu-api dev` needs no tenant"})
			}
			continue
		}
		if err := s.parse(text); err != nil {
			problems = append(problems, Problem{s.key, err.Error()})
		}
	}
	switch {
	case mode == Dev:
		c = c.WithDevIDPPort(c.DevIDPPort)
		if c.Port == c.DevIDPPort && c.Port != 0 {
			problems = append(problems, Problem{"DEV_IDP_PORT", "must differ from PORT"})
		}
	case c.JWKSURL == "":
		c.JWKSURL = jwksURL(c.Issuer)
	}
	if len(problems) > 0 {
		return Config{}, &Error{problems}
	}
	return c, nil
}

// fileProblem says why a settings file is unusable. It does not repeat the parser's message, which quotes the line: the
// file can contain secrets.
func fileProblem(err error) string {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Sprintf("is not readable: %v", path.Err)
	}
	return "is not a settings file: every line must be KEY=value, a # comment, or empty, and quotes must be closed"
}

// jwksURL returns the URL at which Auth0 and most OpenID providers publish their keys.
func jwksURL(issuer string) string {
	if issuer == "" {
		return ""
	}
	return strings.TrimSuffix(issuer, "/") + "/.well-known/jwks.json"
}

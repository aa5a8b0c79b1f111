package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
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

// Problem says why a setting is invalid.
type Problem struct {
	Key     string // the name of the setting, or of the settings file
	Message string // what is wrong and what would be right; never a part of a secret
}

// Error holds every invalid setting, so that the user can correct all of them at once.
type Error struct {
	Problems []Problem
	Warnings []string // such as a misspelled key, which can be the reason for a problem
}

// Error returns one line for each invalid setting, and for each warning.
func (e *Error) Error() string {
	var lines []string
	for _, p := range e.Problems {
		lines = append(lines, p.Key+" "+p.Message)
	}
	lines = append(lines, e.Warnings...)
	return "configuration: " + strings.Join(lines, "\n  ")
}

// Load reads the settings: environment variables (through getenv) override envFile, which overrides the defaults. An
// empty value counts as unset. Only DefaultEnvFile may be missing; "" reads no file.
//
// The error is an *Error with every problem.
func Load(mode Mode, envFile string, getenv func(string) string) (Config, error) {
	c := Config{EnvFile: envFile}
	file := map[string]any{}
	if envFile != "" {
		var err error
		switch file, err = readEnvFile(envFile); {
		case errors.Is(err, fs.ErrNotExist) && envFile == DefaultEnvFile:
			c.EnvFile = ""
		case err != nil:
			return Config{}, &Error{Problems: []Problem{{envFile, err.Error()}}}
		}
	}
	settings := c.settings(mode)
	c.Warnings = removeUnknown(envFile, file, settings)
	values := viper.New()
	if err := values.MergeConfigMap(file); err != nil {
		return Config{}, &Error{Problems: []Problem{{envFile, err.Error()}}}
	}
	var problems []Problem
	for _, s := range settings {
		if mode == Dev && (s.key == "AUTH0_ISSUER_URL" || s.key == "AUTH0_JWKS_URL") {
			continue // the development provider is the issuer, even if .env names a tenant
		}
		key, raw, inFile := lookup(values, getenv, s.key)
		text, err := literal(raw, inFile, slices.Contains(freeText, s.key))
		if err != nil {
			problems = append(problems, Problem{key, err.Error()})
			continue
		}
		if expandable(text, getenv) {
			c.Warnings = append(c.Warnings, key+" contains $ and the name of an environment variable: the value is used as it is written, nothing is expanded")
		}
		if text = cmp.Or(text, s.fallback); text == "" {
			if mode == Serve && (s.key == "AUTH0_ISSUER_URL" || s.key == "AUTH0_AUDIENCE") {
				problems = append(problems, Problem{s.key, "is required (see .env.example); `menu-api dev` needs no tenant"})
			}
			continue
		}
		if err := s.parse(text); err != nil {
			problems = append(problems, Problem{key, err.Error()})
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
		return Config{}, &Error{problems, c.Warnings}
	}
	return c, nil
}

// lookup returns the text of a setting, whether it is in the settings file, and the name under which it was found: the key
// or its alias.
//
// Viper's own lookup would read the environment of the process. With getenv, parallel tests each have their own.
func lookup(values *viper.Viper, getenv func(string) string, key string) (name, raw string, inFile bool) {
	names := []string{key}
	if alias, ok := aliases[key]; ok {
		names = append(names, alias)
	}
	for _, name := range names {
		if raw := getenv(name); strings.TrimSpace(raw) != "" {
			values.Set(name, raw)
			return name, values.GetString(name), false
		}
	}
	for _, name := range names {
		if raw := values.GetString(name); strings.TrimSpace(raw) != "" {
			return name, raw, true
		}
	}
	return key, "", false
}

// removeUnknown removes the keys of the settings file that are not settings. It returns a warning for each, except for those
// of Docker Compose, which reads the same file.
func removeUnknown(envFile string, file map[string]any, settings []setting) (warnings []string) {
	known := slices.Collect(maps.Values(aliases))
	for _, s := range settings {
		known = append(known, s.key)
	}
	for _, key := range slices.Sorted(maps.Keys(file)) {
		if slices.Contains(known, key) {
			continue
		}
		delete(file, key)
		if composeKey.MatchString(key) {
			continue
		}
		likely := slices.MinFunc(known, func(a, b string) int { return distance(key, a) - distance(key, b) })
		warning := fmt.Sprintf("%s: %s is not a setting", envFile, key)
		if distance(key, likely) <= len(key)/2 {
			warning += fmt.Sprintf("; did you mean %s?", likely)
		}
		warnings = append(warnings, warning)
	}
	return warnings
}

func distance(key, known string) int { return levenshtein.ComputeDistance(strings.ToUpper(key), known) }

// jwksURL returns the URL at which Auth0 and most OpenID providers publish their keys.
func jwksURL(issuer string) string {
	if issuer == "" {
		return ""
	}
	return strings.TrimSuffix(issuer, "/") + "/.well-known/jwks.json"
}

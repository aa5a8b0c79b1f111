package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"
)

// DefaultEnvFile is the settings file that Load reads from the working folder if the file exists.
const DefaultEnvFile = ".env"

// keyPattern is the syntax of a key in a settings file. A script of the tutorial's users may put "export " before it.
var keyPattern = regexp.MustCompile(`^(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*$`)

// readEnvFile returns the values of a settings file by key, exactly as they are written: everything after = to the end of
// the line. Viper's own reader expands $NAME, which changes passwords, and removes what looks like a comment.
//
// No error quotes the file, which can contain secrets.
func readEnvFile(name string) (map[string]any, error) {
	content, err := os.ReadFile(name) //nolint:gosec // the user names the file
	if err != nil {
		if failed, ok := errors.AsType[*fs.PathError](err); ok {
			err = failed.Err // the file is named anyway
		}
		return nil, fmt.Errorf("is not readable: %w", err)
	}
	text := strings.TrimPrefix(string(content), "\ufeff") // the byte order mark of some editors
	if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
		return nil, errors.New("is not text in UTF-8: save it in that encoding")
	}
	values := map[string]any{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, isSetting := strings.Cut(line, "=")
		match := keyPattern.FindStringSubmatch(key)
		if !isSetting || match == nil {
			return nil, fmt.Errorf("line %d must be KEY=value, a # comment, or empty", i+1)
		}
		values[match[1]] = value // as with Docker, the last line of a key counts
	}
	return values, nil
}

// quotes are the marks that a shell, Docker or a word processor can leave around a value.
const quotes = "\"'`\u201c\u201d\u201e\u2018\u2019"

// literal returns what the raw text of a setting means. In a settings file, one pair of surrounding quotes is not part of the
// value. Docker's --env-file keeps them, so free text in the environment is read in the same way. Other settings contain
// neither quotes nor comments, so these are errors: otherwise the server would start, and reject every token for example.
func literal(raw string, inFile, isFreeText bool) (string, error) {
	text := strings.TrimSpace(raw)
	if inFile || isFreeText {
		for _, mark := range []string{`"`, `'`} {
			if len(text) > 1 && strings.HasPrefix(text, mark) && strings.HasSuffix(text, mark) {
				raw = text[1 : len(text)-1]
				text = strings.TrimSpace(raw)
				inFile = false // what is quoted has no comment
				break
			}
		}
	}
	switch {
	case isFreeText && !inFile, text == "":
		return text, nil
	case isFreeText && hasComment(raw):
		return "", errors.New("contains a space followed by #: put a comment on a separate line, or quote the value if # is part of it")
	case hasComment(raw):
		return "", errors.New("contains a space followed by #: comments after a value are not supported, so put the comment on a separate line")
	case !isFreeText && startsWithQuote(text):
		return "", errors.New("begins with a quotation mark, which a shell or Docker left in: write the value without quotes")
	}
	return text, nil
}

func hasComment(raw string) bool {
	raw = " " + strings.ReplaceAll(raw, "\t", " ")
	return strings.Contains(raw[1:], " #") || strings.HasPrefix(raw, " # ")
}

func startsWithQuote(text string) bool {
	first, _ := utf8.DecodeRuneInString(text)
	return strings.ContainsRune(quotes, first)
}

// expandable reports whether a shell would replace a part of the text by a variable that is set.
func expandable(text string, getenv func(string) string) (found bool) {
	os.Expand(text, func(name string) string {
		found = found || getenv(name) != ""
		return ""
	})
	return found
}

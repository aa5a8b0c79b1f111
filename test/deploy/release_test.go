package deploy

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestActionsArePinned checks that each action is pinned by the digest of a commit, which cannot change as a tag can, and
// that every workflow gives an action the same digest.
func TestActionsArePinned(t *testing.T) {
	t.Parallel()
	workflows, err := filepath.Glob(".github/workflows/*.yaml")
	if err != nil || len(workflows) == 0 {
		t.Fatalf("got the workflows %q (%v), want some", workflows, err)
	}
	pin := regexp.MustCompile(`^([\w-]+/[\w-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+$`)
	digests := map[string]string{}
	for _, workflow := range workflows {
		for line := range strings.Lines(string(mustReadFile(t, workflow))) {
			_, action, found := strings.Cut(strings.TrimSpace(line), "uses: ")
			if !found || strings.HasPrefix(action, "./") {
				continue
			}
			match := pin.FindStringSubmatch(action)
			if match == nil {
				t.Errorf("%s: %q is not pinned by a digest followed by its version", workflow, action)
				continue
			}
			if other, known := digests[match[1]]; known && other != match[2] {
				t.Errorf("%s: %s has the digests %s and %s", workflow, match[1], other, match[2])
			}
			digests[match[1]] = match[2]
		}
	}
}

// TestDependabotDirectories checks that the directories that Dependabot watches have the files of their ecosystem.
func TestDependabotDirectories(t *testing.T) {
	t.Parallel()
	var config struct {
		Updates []struct {
			Ecosystem   string `yaml:"package-ecosystem"`
			Directory   string
			Directories []string
		}
	}
	if err := yaml.Unmarshal(mustReadFile(t, ".github/dependabot.yml"), &config); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"gomod": "go.mod", "npm": "package-lock.json", "github-actions": ".github/workflows/*.yaml",
		"docker": "Dockerfile", "docker-compose": "compose.yaml",
	}
	for _, update := range config.Updates {
		for _, directory := range append(update.Directories, update.Directory) {
			if directory == "" {
				continue
			}
			pattern := filepath.Join(".", directory, files[update.Ecosystem])
			if found, err := filepath.Glob(pattern); err != nil || len(found) == 0 {
				t.Errorf("%s: there is no %s", update.Ecosystem, pattern)
			}
		}
	}
}

// TestBuildFlagsAgree checks that the Makefile, the image and the releases build the program in the same way.
func TestBuildFlagsAgree(t *testing.T) {
	t.Parallel()
	tags := regexp.MustCompile(`(?m)^TAGS +:= (\S+)$`).FindSubmatch(mustReadFile(t, "Makefile"))
	if tags == nil {
		t.Fatal("the Makefile has no TAGS")
	}
	for file, want := range map[string][]string{
		"Dockerfile": {"-tags " + string(tags[1]) + " ", "-trimpath", "-s -w -X menu-api/cli.release=$VERSION", "CGO_ENABLED=0"},
		".goreleaser.yaml": {
			"tags: [" + strings.ReplaceAll(string(tags[1]), ",", ", ") + "]", "-trimpath",
			"-s -w -X menu-api/cli.release=v{{ .Version }}", "CGO_ENABLED=0",
		},
	} {
		for _, part := range want {
			if !strings.Contains(string(mustReadFile(t, file)), part) {
				t.Errorf("%s does not build with %q", file, part)
			}
		}
	}
}

//go:build soak

package test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// builder runs buildah with storage that is removed after the test.
type builder struct {
	tb      testing.TB
	storage []string
}

func mustBuildImage(tb testing.TB) image {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Fatal("the test needs root, because it mounts file systems and changes its user")
	}
	if _, err := exec.LookPath("buildah"); err != nil {
		tb.Fatal("the test needs buildah. On Debian: apt-get install -y buildah")
	}
	b := newBuilder(tb)
	build := []string{"build", "--isolation", "chroot", "--pull-never", "--format", "docker", "--platform", "linux/" + runtime.GOARCH, "--tag", "menu-api"}
	build = append(build, b.prepareBases("Dockerfile")...)
	b.must(append(build, ".")...)

	id := b.must("from", "--pull-never", "menu-api")
	tb.Cleanup(func() { b.must("rm", id) })
	var inspected struct {
		Docker struct{ Config imageConfig }
	}
	must(tb, json.Unmarshal([]byte(b.must("inspect", "--type", "image", "menu-api")), &inspected))
	return image{root: b.must("mount", id), config: inspected.Docker.Config}
}

// newBuilder uses overlay storage if the kernel allows it, because vfs copies every layer.
func newBuilder(tb testing.TB) builder {
	tb.Helper()
	dir := tb.TempDir()
	for _, driver := range []string{"overlay", "vfs"} {
		b := builder{tb, []string{"--storage-driver", driver, "--root", filepath.Join(dir, driver), "--runroot", filepath.Join(dir, driver+"-run")}}
		id, err := b.run("from", "scratch")
		if err == nil {
			_, err = b.run("mount", id)
		}
		if err == nil {
			b.must("rm", id)
			tb.Logf("storage: %s", driver)
			// buildah mounts the storage on itself. The folder can be removed only after an unmount.
			tb.Cleanup(func() { _ = syscall.Unmount(filepath.Join(dir, driver, driver), syscall.MNT_DETACH) })
			return b
		}
		tb.Logf("storage: no %s: %v", driver, err)
	}
	tb.Fatal("neither storage driver of buildah works on this machine")
	return builder{}
}

func (b builder) must(args ...string) string {
	b.tb.Helper()
	output, err := b.run(args...)
	must(b.tb, err)
	return output
}

func (b builder) run(args ...string) (string, error) {
	command := exec.CommandContext(context.WithoutCancel(b.tb.Context()), "buildah", slices.Concat(b.storage, args)...)
	var stderr strings.Builder
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("buildah %s: %w\n%s%s", strings.Join(args, " "), err, output, &stderr)
	}
	return strings.TrimSpace(string(output)), nil
}

// prepareBases pulls the base images of a Dockerfile. If an image cannot be pulled, an image of the same name replaces it: an empty
// one, into which the build mounts the tools of this machine. prepareBases returns the options of the build for that.
func (b builder) prepareBases(dockerfile string) (options []string) {
	b.tb.Helper()
	content, err := os.ReadFile(dockerfile)
	must(b.tb, err)
	stages := []string{"scratch"}
	for line := range strings.Lines(string(content)) {
		words := slices.DeleteFunc(strings.Fields(line), func(word string) bool { return strings.HasPrefix(word, "--") })
		if len(words) < 2 || words[0] != "FROM" {
			continue
		}
		name := words[1]
		if len(words) == 4 {
			stages = append(stages, words[3])
		}
		if slices.Contains(stages, name) {
			continue
		}
		ctx, cancel := context.WithTimeout(b.tb.Context(), 5*time.Minute)
		pull := exec.CommandContext(ctx, "buildah", slices.Concat(b.storage, []string{"pull", "--quiet", "docker.io/library/" + name})...)
		output, err := pull.CombinedOutput()
		cancel()
		if err == nil {
			b.tb.Logf("%s: pulled", name)
			continue
		}
		b.tb.Logf("%s: replaced by the tools of this machine, because it cannot be pulled: %s", name, output)
		options = b.replaceBase(name)
	}
	return options
}

// machine are the folders that the tools of this machine need.
var machine = []string{"/bin", "/sbin", "/lib", "/lib64", "/usr", "/etc/ssl", "/etc/alternatives"}

func (b builder) replaceBase(name string) (options []string) {
	b.tb.Helper()
	id := b.must("from", "scratch")
	root := b.must("mount", id)
	folders := slices.Clone(machine)
	env := []string{"PATH=/usr/local/bin:/usr/bin:/bin"}
	must(b.tb, os.Mkdir(filepath.Join(root, "tmp"), 0o777))

	// The Go installation, and the modules that this machine has downloaded, as the first source of modules.
	goenv := goEnv(b.tb)
	modules := filepath.Join(goenv["GOMODCACHE"], "cache", "download")
	folders = append(folders, goenv["GOROOT"], modules)
	env[0] += ":" + filepath.Join(goenv["GOROOT"], "bin")
	env = append(env, "HOME=/root", "GOPATH=/go", "GOTOOLCHAIN=local", "GOPROXY=file://"+modules+","+goenv["GOPROXY"])

	// Node.js, if it is not in /usr, and the settings that npm needs to reach its registry.
	if node, err := exec.LookPath("node"); err == nil {
		if node, err = filepath.EvalSymlinks(node); err == nil {
			folders = append(folders, filepath.Dir(filepath.Dir(node)))
			env[0] += ":" + filepath.Dir(node)
		}
	}
	if registry, err := exec.CommandContext(b.tb.Context(), "npm", "config", "get", "registry").Output(); err == nil {
		env = append(env, "npm_config_registry="+strings.TrimSpace(string(registry)))
	}
	for _, key := range []string{"NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"} {
		if file := os.Getenv(key); file != "" {
			folders = append(folders, file)
			env = append(env, key+"="+file)
		}
	}

	for _, folder := range folders {
		info, err := os.Lstat(folder)
		switch {
		case err != nil:
		case info.Mode()&fs.ModeSymlink != 0: // such as /bin
			target, err := os.Readlink(folder)
			if err == nil {
				err = os.Symlink(target, filepath.Join(root, folder))
			}
			must(b.tb, err)
		default:
			options = append(options, "--volume", folder+":"+folder+":ro")
		}
	}
	b.must("umount", id)
	config := []string{"config"}
	for _, e := range env {
		config = append(config, "--env", e)
	}
	b.must(append(config, id)...)
	b.must("commit", "--quiet", id, "docker.io/library/"+name)
	b.must("rm", id)
	return options
}

func goEnv(tb testing.TB) map[string]string {
	tb.Helper()
	output, err := exec.CommandContext(tb.Context(), "go", "env", "-json", "GOROOT", "GOMODCACHE", "GOPROXY").Output()
	must(tb, err)
	env := map[string]string{}
	must(tb, json.Unmarshal(output, &env))
	return env
}

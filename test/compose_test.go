package test

import (
	"bufio"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"

	"menu-api/config"
)

// Docker Compose registers the format raw in its command line. It reads the file as docker run --env-file does.
func init() {
	dotenv.RegisterFormat("raw", func(from io.Reader, _ string, vars map[string]string, _ func(string) (string, bool)) error {
		lines := bufio.NewScanner(from)
		for lines.Scan() {
			if key, value, ok := strings.Cut(lines.Text(), "="); ok && !strings.HasPrefix(key, "#") {
				vars[key] = value
			}
		}
		return lines.Err()
	})
}

// loadCompose loads deploy/compose.yaml as Docker Compose does, with its schema and the .env that its first lines ask for.
func loadCompose(tb testing.TB, settings ...string) (*types.Project, error) {
	tb.Helper()
	dir := tb.TempDir()
	example, err := os.ReadFile(".env.example")
	must(tb, err)
	compose, err := os.ReadFile("deploy/compose.yaml")
	must(tb, err)
	file := filepath.Join(dir, "deploy", "compose.yaml")
	must(tb, os.Mkdir(filepath.Dir(file), 0o700))
	for name, content := range map[string]string{file: string(compose), filepath.Join(dir, ".env"): string(example) + strings.Join(settings, "\n")} {
		must(tb, os.WriteFile(name, []byte(content), 0o600))
	}
	options, err := cli.NewProjectOptions([]string{file}, cli.WithEnvFiles(filepath.Join(dir, ".env")), cli.WithDotEnv)
	must(tb, err)
	return options.LoadProject(tb.Context())
}

func TestCompose(t *testing.T) {
	t.Parallel()
	project, err := loadCompose(t, "AUTH0_ISSUER_URL=tenant.eu.auth0.com", "AUTH0_AUDIENCE=menu", "POSTGRES_PASSWORD=secret",
		"PORT=1", "DATABASE_URL=sqlite:data/menu.db", "POSTGRES_USER=S3", "AUTH0_CLIENT_ID=a$POSTGRES_USER#b")
	must(t, err)
	one, two := project.Services["api1"], project.Services["api2"]
	two.Name = one.Name
	if !reflect.DeepEqual(one, two) {
		t.Errorf("the replicas differ:\n%+v\n%+v", one, two)
	}
	if !one.ReadOnly || len(one.Ports) != 0 || len(project.Services["database"].Ports) != 0 {
		t.Error("a replica can write to its root, or a service other than the proxy publishes ports")
	}
	for _, name := range []string{"api1", "api2"} {
		if project.Services["proxy"].DependsOn[name].Condition != types.ServiceConditionHealthy {
			t.Errorf("the proxy does not wait for %s", name)
		}
	}

	environment := func(key string) string {
		value := one.Environment[key]
		if value == nil {
			return ""
		}
		return *value
	}
	cfg, err := config.Load(config.Serve, "", environment)
	must(t, err)
	proxy := netip.MustParseAddr(project.Services["proxy"].Networks["default"].Ipv4Address)
	if len(cfg.TrustedProxies) != 1 || cfg.TrustedProxies[0] != netip.PrefixFrom(proxy, 32).String() {
		t.Errorf("TRUSTED_PROXIES is %v, want only the proxy, %s", cfg.TrustedProxies, proxy)
	}
	if subnet := netip.MustParsePrefix(project.Networks["default"].Ipam.Config[0].Subnet); !subnet.Contains(proxy) {
		t.Errorf("the proxy, %s, is outside of the network %s", proxy, subnet)
	}
	if cfg.Port != 7000 || cfg.Host != "" || !strings.HasPrefix(string(cfg.Database), "postgres://") || environment("PGPASSWORD") != "secret" {
		t.Errorf("got port %d, host %q, database %q: .env has changed what compose.yaml sets", cfg.Port, cfg.Host, cfg.Database)
	}
	if want := "a$POSTGRES_USER#b"; cfg.ClientID != want {
		t.Errorf("got the value %q, want the literal value of .env, %q", cfg.ClientID, want)
	}
	if grace := time.Duration(*one.StopGracePeriod); grace <= cfg.ShutdownGrace {
		t.Errorf("Compose kills a replica after %s, want more than SHUTDOWN_GRACE, %s", grace, cfg.ShutdownGrace)
	}
}

func TestComposeWithoutPassword(t *testing.T) {
	t.Parallel()
	if _, err := loadCompose(t); err == nil || !strings.Contains(err.Error(), "POSTGRES_PASSWORD") {
		t.Errorf("got %v, want an error that names POSTGRES_PASSWORD", err)
	}
}

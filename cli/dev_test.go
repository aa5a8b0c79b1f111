package cli

import "testing"

func TestProgramCommand(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ executable, arg, want string }{
		"from source":            {"/tmp/go-build123/b001/exe/menu-api", "/tmp/go-build123/b001/exe/menu-api", "go run ."},
		"from the build cache":   {"/root/.cache/go-build/4c/4c12-d/menu-api", "/root/.cache/go-build/4c/4c12-d/menu-api", "go run ."},
		"a binary":               {"/home/ada/menu-api", "./menu-api", "./menu-api"},
		"an installed binary":    {"/usr/bin/menu-api", "menu-api", "menu-api"},
		"in the image":           {"/menu-api", "/menu-api", "docker exec 0123456789ab /menu-api"},
		"in the image, no /proc": {"", "/menu-api", "docker exec 0123456789ab /menu-api"},
		"without an executable":  {"", "menu-api", "menu-api"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := programCommand(test.executable, test.arg, "0123456789ab"); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

package test

import (
	"strings"
	"testing"
)

func TestErase(t *testing.T) {
	t.Parallel()
	m := newMenu(t)
	m.fill()
	before := m.must("export")
	if !strings.Contains(before, `"by":"menu-api"`) {
		t.Fatalf("got %s, want changes of menu-api", before)
	}
	m.must("erase", "menu-api")
	if got, want := m.must("export"), strings.ReplaceAll(before, `"by":"menu-api"`, `"by":"erased"`); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, err := m.run(t.Context(), "erase"); err == nil {
		t.Error("got no error without a subject")
	}
}

package items_test

import (
	"encoding/json"
	"os"
	"testing"

	"menu-api/items"
)

// The dashboard searches a small menu by itself. Its tests read the same file, so that it finds what the server would.
func TestFoldAsTheDashboard(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("testdata/fold.json")
	if err != nil {
		t.Fatal(err)
	}
	var texts []struct{ Text, Folded string }
	if err := json.Unmarshal(file, &texts); err != nil {
		t.Fatal(err)
	}
	for _, test := range texts {
		if got := items.Fold(test.Text); got != test.Folded {
			t.Errorf("Fold(%q): got %q, want %q", test.Text, got, test.Folded)
		}
	}
}

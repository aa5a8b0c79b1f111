package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestFailedWriteLeavesNoFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	err := writeAtomically(filepath.Join(folder, "half"), false, func(temporary *os.File) error {
		_, err := temporary.WriteString("half")
		return errors.Join(err, context.Canceled)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("got %v (%v) in the folder, want nothing", left, err)
	}
}

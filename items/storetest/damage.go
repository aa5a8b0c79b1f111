package storetest

import (
	"bytes"
	"os"
	"testing"
)

// Damage overwrites pages in the middle of an SQLite file.
func Damage(tb testing.TB, file string) {
	tb.Helper()
	const page = 4096
	f, err := os.OpenFile(file, os.O_RDWR, 0) //nolint:gosec // of a test
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xA5}, 3*page), info.Size()/page/2*page); err != nil {
		tb.Fatal(err)
	}
}

//go:build unix

package sqlite

import (
	"io/fs"
	"syscall"
)

// inode returns the number of the file in its file system, or 0 if it is not known.
func inode(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Ino
	}
	return 0
}

package sqlite

import "io/fs"

// inode returns 0: Windows does not let a program replace a file that is open.
func inode(fs.FileInfo) uint64 { return 0 }

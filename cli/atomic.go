package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// writeAtomically calls write with the name of an empty temporary file, calls fsync, and renames the file to name. A reader
// of name sees the whole new file or what was there before. Without force, an existing file is an error. Only the owner
// may read the file.
func writeAtomically(name string, force bool, write func(temporary string) error) error {
	if err := mayWrite(name, force); err != nil {
		return err
	}
	// SQLite creates files next to a database, so the file gets its own folder. A rename works only within a file system, so
	// the folder is next to the target.
	folder, err := os.MkdirTemp(filepath.Dir(name), "."+filepath.Base(name)+".*.tmp")
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", name, cause(err))
	}
	defer func() { _ = os.RemoveAll(folder) }()
	temporary := filepath.Join(folder, "new")
	if err := os.WriteFile(temporary, nil, 0o600); err != nil {
		return err
	}
	if err := write(temporary); err != nil {
		return err
	}
	if err := fsync(temporary, os.O_RDWR); err != nil {
		return err
	}
	if err := mayWrite(name, force); err != nil {
		return err // another program has created it since
	}
	if err := os.Rename(temporary, name); err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		return nil // NTFS keeps a journal of renames, and Windows cannot flush a folder
	}
	return fsync(filepath.Dir(name), os.O_RDONLY) // or the rename may be lost with the power
}

// mayWrite returns an error if the file must not be written: it exists, and force is not set or it is not a plain file.
func mayWrite(name string, force bool) error {
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%s cannot be written: %w", name, cause(err))
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s exists and is not a regular file; name another", name)
	case !force:
		return fmt.Errorf("%s already exists; name another file, or replace it with --force", name)
	}
	return nil
}

// fsync waits until the file or folder is on the disk. Windows flushes a file only if it is open for writing, and other
// systems open a folder only for reading.
func fsync(name string, flag int) error {
	file, err := os.OpenFile(name, flag, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// cause removes the file name from an error, for a message that contains it already.
func cause(err error) error {
	if named, ok := errors.AsType[*fs.PathError](err); ok {
		return named.Err
	}
	return err
}

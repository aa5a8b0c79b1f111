package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// writeAtomically calls write with an empty temporary file, calls fsync, and renames the file to name. A reader of name sees
// the whole new file or what was there before. Without force, an existing file is an error. Only the owner may read the file.
func writeAtomically(name string, force bool, write func(temporary *os.File) error) error {
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
	temporary, err := os.OpenFile(filepath.Join(folder, "new"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err = write(temporary); err == nil {
		err = temporary.Sync()
	}
	if err := errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	if err := mayWrite(name, force); err != nil {
		return err // another program has created it since
	}
	if err := os.Rename(temporary.Name(), name); err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		return nil // NTFS keeps a journal of renames, and Windows cannot flush a folder
	}
	parent, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close()) // or the rename may be lost with the power
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

// cause removes the file name from an error, for a message that contains it already.
func cause(err error) error {
	if named, ok := errors.AsType[*fs.PathError](err); ok {
		return named.Err
	}
	return err
}

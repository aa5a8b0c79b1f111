package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// writeNew has write fill a file that is empty at first, sees it onto the disk, and then puts it under its name: whoever
// looks there finds the whole file, or what was there before. Only with force may that be another file. The file is for
// its owner alone.
func writeNew(name string, force bool, write func(temporary string) error) error {
	if err := mayWrite(name, force); err != nil {
		return err
	}
	// In a folder of its own, since SQLite puts files beside a database; beside the target, since a rename must stay on one
	// file system.
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
	if err := toDisk(temporary); err != nil {
		return err
	}
	if err := mayWrite(name, force); err != nil {
		return err // it has come into being meanwhile
	}
	if err := os.Rename(temporary, name); err != nil {
		return err
	}
	return toDisk(filepath.Dir(name)) // or the rename may be lost with the power
}

// mayWrite refuses what must not be replaced.
func mayWrite(name string, force bool) error {
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%s cannot be written: %w", name, cause(err))
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is there already and is not a plain file; name another", name)
	case !force:
		return fmt.Errorf("%s is there already; name another file, or replace it with --force", name)
	}
	return nil
}

// toDisk returns when the file or folder is on the disk.
func toDisk(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// cause leaves the name of the file out of an error, for a message that has it already.
func cause(err error) error {
	if named, ok := errors.AsType[*fs.PathError](err); ok {
		return named.Err
	}
	return err
}

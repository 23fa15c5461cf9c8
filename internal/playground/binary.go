package playground

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// FindBinary returns the path of a program that `make build` has built in bin/. It works in
// the project's root and all directories below, such as those of tests.
func FindBinary(name string) (string, error) {
	if self, err := os.Executable(); err == nil {
		if path := filepath.Join(filepath.Dir(self), name); isFile(path) {
			return path, nil
		}
	}
	root, err := ProjectRoot()
	if err != nil {
		return "", fmt.Errorf("looking for %s: %w", name, err)
	}
	path := filepath.Join(root, "bin", name)
	if !isFile(path) {
		return "", fmt.Errorf("%s is not built: run `make build` in %s", path, root)
	}
	return path, nil
}

// ProjectRoot returns the directory with go.mod, which is the current directory or a parent.
func ProjectRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; !isFile(filepath.Join(dir, "go.mod")); dir = filepath.Dir(dir) {
		if dir == filepath.Dir(dir) {
			return "", errors.New("not in a checkout of the project: no go.mod in this directory or above")
		}
	}
	return dir, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Package cgroups keeps the control groups of a playground's real nodes: all that runs on
// them is in groups below one that has the playground's name, so that it can be told from
// everything else on the machine.
package cgroups

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// root is where Linux distributions mount the hierarchies.
const root = "/sys/fs/cgroup"

// needed are the controllers that a kubelet insists on.
var needed = []string{"cpu", "cpuset", "memory", "pids"}

// Of returns the group of the playground in the folder. Playgrounds of one name may be in
// several folders.
func Of(dir string) string {
	h := fnv.New32a()
	h.Write([]byte(dir))
	return fmt.Sprintf("%s-%08x", filepath.Base(dir), h.Sum32())
}

// Unified reports whether the machine has the one hierarchy of version 2.
func Unified() bool {
	var system unix.Statfs_t
	return unix.Statfs(root, &system) == nil && system.Type == unix.CGROUP2_SUPER_MAGIC
}

// Check says which of the controllers the machine lacks that nodes need; nil if none.
func Check() error {
	has := func(controller string) bool {
		info, err := os.Stat(filepath.Join(root, controller))
		return err == nil && info.IsDir()
	}
	if Unified() {
		all, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
		if err != nil {
			return fmt.Errorf("reading the controllers of control groups: %w", err)
		}
		controllers := strings.Fields(string(all))
		has = func(controller string) bool { return slices.Contains(controllers, controller) }
	}
	for _, controller := range needed {
		if !has(controller) {
			return fmt.Errorf("the kernel has no %s controller for control groups in %s", controller, root)
		}
	}
	return nil
}

// hierarchies returns the folders of the hierarchies: one of version 2, or those of version 1
// and, where there is one, that of version 2 beside them, which has no controllers.
func hierarchies() ([]string, error) {
	if Unified() {
		return []string{root}, nil
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("looking for control groups: %w", err)
	}
	var dirs []string
	for _, entry := range entries {
		dir := filepath.Join(root, entry.Name())
		var system unix.Statfs_t
		// Links are second names of a hierarchy.
		if entry.IsDir() && unix.Statfs(dir, &system) == nil && (system.Type == unix.CGROUP_SUPER_MAGIC || system.Type == unix.CGROUP2_SUPER_MAGIC) {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}

// Make makes a group, a path of names below the root, in every hierarchy.
func Make(group string) error {
	dirs, err := hierarchies()
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		for _, name := range strings.Split(group, "/") {
			parent := dir
			dir = filepath.Join(dir, name)
			if Unified() {
				// What a parent does not hand on, a group does not have.
				on := "+" + strings.Join(needed, " +")
				if err := os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte(on), 0); err != nil {
					return fmt.Errorf("enabling the controllers of control group %s: %w", parent, err)
				}
			}
			if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("creating a control group: %w", err)
			}
			if err := inherit(parent, dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// inherit gives a group of version 1's cpuset what its parent has: it starts with nothing,
// and takes no process then.
func inherit(parent, dir string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(parent, file))
		if Unified() || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, file), bytes.TrimSpace(value), 0)
		}
		if err != nil {
			return fmt.Errorf("setting up control group %s: %w", dir, err)
		}
	}
	return nil
}

// Join puts this process into the group.
func Join(group string) error {
	dirs, err := hierarchies()
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		// 0 is who writes: its id may be another here than where the group was made.
		if err := os.WriteFile(filepath.Join(dir, group, "cgroup.procs"), []byte("0"), 0); err != nil {
			return fmt.Errorf("joining a control group: %w", err)
		}
	}
	return nil
}

// File returns a file of a group: of version 1, in the hierarchy that counts processes.
func File(group, name string) string {
	if Unified() {
		return filepath.Join(root, group, name)
	}
	return filepath.Join(root, "pids", group, name)
}

// Remove removes a group and those below it, whose processes have ended. That there is none
// is not an error. The kernel may need a moment to see that a group is empty.
func Remove(group string) error {
	dirs, err := hierarchies()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for range 250 {
		err = nil
		for _, dir := range dirs {
			err = errors.Join(err, remove(filepath.Join(dir, group)))
		}
		if err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("removing control groups: %w", err)
}

// remove removes a folder of groups, those below it first: the files in them cannot be removed.
func remove(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := remove(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}

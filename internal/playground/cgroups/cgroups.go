// Package cgroups manages the control groups of a playground's real nodes. All of their
// processes are in groups below one with the playground's name, which separates them from
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

// needed are the controllers that a kubelet requires.
var needed = []string{"cpu", "cpuset", "memory", "pids"}

// Of returns the group of the playground in the directory. Playgrounds in different
// directories may have the same name.
func Of(dir string) string {
	h := fnv.New32a()
	h.Write([]byte(dir))
	return fmt.Sprintf("%s-%08x", filepath.Base(dir), h.Sum32())
}

// Unified reports whether the machine only has the unified hierarchy of cgroup v2.
func Unified() bool {
	var system unix.Statfs_t
	return unix.Statfs(root, &system) == nil && system.Type == unix.CGROUP2_SUPER_MAGIC
}

// Check returns an error for the required controllers that the machine lacks.
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

// hierarchies returns the directories of the hierarchies: the one of v2, or those of v1 and,
// if it exists, the one of v2 without controllers.
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
		// Links are aliases of a hierarchy.
		if entry.IsDir() && unix.Statfs(dir, &system) == nil && (system.Type == unix.CGROUP_SUPER_MAGIC || system.Type == unix.CGROUP2_SUPER_MAGIC) {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}

// Make creates a group, which is a path below the root, in all hierarchies.
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
				// A group only has controllers that its parent delegates.
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

// inherit copies the parent's cpuset to a group of v1: it starts empty, and then accepts no
// process.
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

// Join moves this process into the group.
func Join(group string) error {
	dirs, err := hierarchies()
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		// 0 means the calling process: its PID may differ in the namespace in which the group
		// was created.
		if err := os.WriteFile(filepath.Join(dir, group, "cgroup.procs"), []byte("0"), 0); err != nil {
			return fmt.Errorf("joining a control group: %w", err)
		}
	}
	return nil
}

// File returns a file of a group. In v1, it is in the hierarchy of the pids controller.
func File(group, name string) string {
	if Unified() {
		return filepath.Join(root, group, name)
	}
	return filepath.Join(root, "pids", group, name)
}

// Remove removes a group and its subgroups, whose processes have ended. A missing group is
// not an error. The kernel may need a moment to see that a group is empty.
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

// remove removes a directory of groups recursively: the files in it cannot be removed.
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

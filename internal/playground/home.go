package playground

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/stowage-k8s/stowage/internal/playground/cgroups"
)

const (
	// baseName begins the names that playgrounds get by themselves.
	baseName = "playground"
	// infoFile holds a running playground's Info in its folder.
	infoFile = "info.json"
	// newPrefix begins the names of folders that are not set up yet.
	newPrefix = ".new"
	// minFreeBytes is what a small playground writes, with room to spare.
	minFreeBytes = 512 << 20
	// fullBytes is less than the logs and the database grow by at a time.
	fullBytes = 4 << 20
	// downTimeout bounds how long Down waits.
	downTimeout = time.Minute
)

// ErrInUse says that the name belongs to a playground that is running.
var ErrInUse = errors.New("is already running")

// folder returns the folder of the user's playground of that name. A playground's
// processes hold a lock on its folder: one without belonged to processes that
// were killed, and is removed by whoever comes across it.
func folder(name string) string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("stowage-playground-%d-%s", os.Getuid(), name))
}

// nameOf returns the name of the playground whose folder it is.
func nameOf(dir string) string {
	return strings.TrimPrefix(dir, folder(""))
}

// claim makes and locks the folder for a new playground. The lock lasts until
// every process that has the returned file open has ended.
func claim(name string) (dir string, lock *os.File, err error) {
	if err := errors.Join(checkSpace(os.TempDir()), checkLength(name)); err != nil {
		return "", nil, err
	}
	sweep()
	fresh, err := os.MkdirTemp(filepath.Split(folder(newPrefix + "*")))
	if err != nil {
		return "", nil, fmt.Errorf("creating the playground's folder: %w", err)
	}
	lock, err = tryLock(fresh)
	if err == nil {
		// What is in it keeps rename from replacing it: that replaces empty folders.
		err = WriteInfo(fresh, Info{})
	}
	if err == nil {
		dir, err = takeName(fresh, name)
	}
	if err != nil {
		os.RemoveAll(fresh)
		if lock != nil {
			lock.Close()
		}
		return "", nil, fmt.Errorf("creating the playground's folder: %w", err)
	}
	return dir, lock, nil
}

// takeName renames the locked folder to the playground's name, or to the first
// that is free where none is given.
func takeName(fresh, name string) (string, error) {
	for i := 1; ; i++ {
		candidate := name
		switch {
		case name == "" && i == 1:
			candidate = baseName
		case name == "":
			candidate = fmt.Sprintf("%s-%d", baseName, i)
		}
		dir := folder(candidate)
		err := os.Rename(fresh, dir)
		switch {
		case err == nil:
			return dir, nil
		case !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, syscall.EEXIST):
			return "", err
		case name != "":
			return "", fmt.Errorf("a playground named %q %w: choose another name, or stop it with `stowage-playground down %s`", name, ErrInUse, name)
		}
	}
}

// checkLength refuses folders in which etcd could not make its sockets: the kernel
// takes 107 bytes for the path of one.
func checkLength(name string) error {
	const longest = 107 - len("/etcd-peer.sock")
	if dir := folder(cmp.Or(name, baseName+"-99")); len(dir) > longest {
		return fmt.Errorf("the playground's folder %s would have a path of more than %d bytes: choose a shorter name, or set TMPDIR to another directory", dir, longest)
	}
	return nil
}

// checkSpace refuses to start what would fail half way for want of disk space.
func checkSpace(dir string) error {
	free, err := freeBytes(dir)
	if err == nil && free < minFreeBytes {
		err = fmt.Errorf("only %d MiB free in %s: a playground requires %d MiB or more (set TMPDIR to use another directory)", free>>20, dir, minFreeBytes>>20)
	}
	return err
}

// CheckRoom reports whether there is hardly any room left in the folder: for a
// playground that fails, the most likely reason.
func CheckRoom(dir string) error {
	free, err := freeBytes(dir)
	if err == nil && free < fullBytes {
		err = fmt.Errorf("the disk of %s is full", dir)
	}
	return err
}

func freeBytes(dir string) (uint64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("reading the free space of %s: %w", dir, err)
	}
	return fs.Bavail * uint64(fs.Bsize), nil
}

// tryLock opens and locks a folder, or fails at once when another process has it.
func tryLock(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// sweep removes the folders of playgrounds whose processes are all gone.
func sweep() {
	dirs, _ := filepath.Glob(folder("*")) // the pattern is well formed
	for _, dir := range dirs {
		if info, err := os.Stat(dir); strings.HasPrefix(nameOf(dir), newPrefix) && (err != nil || time.Since(info.ModTime()) < time.Minute) {
			continue // somebody is about to lock it
		}
		if lock, err := tryLock(dir); err == nil {
			_ = Remove(lock, dir) // what cannot be removed now is tried again the next time
			lock.Close()
		}
	}
}

// List returns the playgrounds that are running or starting, in the order of their names.
func List() []Info {
	sweep()
	var infos []Info
	dirs, _ := filepath.Glob(folder("*")) // the pattern is well formed
	for _, dir := range dirs {
		if strings.HasPrefix(nameOf(dir), newPrefix) {
			continue
		}
		info, err := readInfo(dir)
		if err != nil {
			continue // it went away meanwhile
		}
		info.Name = nameOf(dir)
		infos = append(infos, info)
	}
	return infos
}

// Down stops the named playground and waits until nothing of it is left.
func Down(ctx context.Context, name string) error {
	sweep()
	dir := folder(name)
	info, err := readInfo(dir)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("no playground named %q is running", name)
	}
	if err != nil {
		return err
	}
	if info.PID == 0 {
		return fmt.Errorf("playground %q is still starting: try again in a moment, or stop the command that starts it", name)
	}
	lock, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("no playground named %q is running: %w", name, err)
	}
	defer lock.Close()
	if err := syscall.Kill(info.PID, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stopping playground %q: %w", name, err)
	}
	// Its processes hold the lock until all is gone, the folder itself included.
	err = wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, downTimeout, true, func(context.Context) (bool, error) {
		return unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil, nil
	})
	if err != nil {
		return fmt.Errorf("playground %q did not stop within %v: is the command that started it suspended?", name, downTimeout)
	}
	return nil
}

// WriteInfo leaves the description of a running playground in its folder.
func WriteInfo(dir string, info Info) error {
	data, err := json.Marshal(info)
	if err != nil {
		return err
	}
	// Written beside and renamed: readers see the old one or the new one.
	path := filepath.Join(dir, infoFile)
	if err := os.WriteFile(path+".tmp", data, 0o600); err != nil {
		return fmt.Errorf("writing to the playground's folder: %w", err)
	}
	return os.Rename(path+".tmp", path)
}

func readInfo(dir string) (Info, error) {
	var info Info
	data, err := os.ReadFile(filepath.Join(dir, infoFile))
	if err != nil {
		return info, err
	}
	return info, json.Unmarshal(data, &info)
}

// Remove removes a playground's folder, for somebody who holds the lock on it. A
// folder of the same name that somebody else has made since is left alone.
// Processes that were killed a moment ago may still be writing, so it tries for a
// while.
func Remove(lock *os.File, dir string) error {
	var err error
	for range 500 {
		if !isLocked(lock, dir) {
			return nil
		}
		// The groups first: without the folder nobody would know of them.
		if err = cgroups.Remove(cgroups.Of(dir)); err != nil {
			break
		}
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("removing the playground's files: %w", err)
}

// isLocked reports whether the lock is on the folder that is at the path now.
func isLocked(lock *os.File, dir string) bool {
	locked, err := lock.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(dir)
	return err == nil && os.SameFile(locked, there)
}

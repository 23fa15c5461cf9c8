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
	// baseName is the prefix of generated names.
	baseName = "playground"
	// infoFile is the file in the playground's directory that contains its Info.
	infoFile = "info.json"
	// newPrefix is the prefix of directories that are not set up yet.
	newPrefix = ".new"
	// minFreeBytes is more than a small playground writes.
	minFreeBytes = 512 << 20
	// fullBytes is less than one increment of the logs and the database.
	fullBytes = 4 << 20
	// downTimeout limits how long Down waits.
	downTimeout = time.Minute
)

// ErrInUse means that a running playground has the name.
var ErrInUse = errors.New("is already running")

// folder returns the directory of the user's playground of that name. The processes of a
// playground hold a lock on it. A directory without a lock was left by processes that were
// killed, and is removed when it is found.
func folder(name string) string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("stowage-playground-%d-%s", os.Getuid(), name))
}

// nameOf returns the name of the playground in the directory.
func nameOf(dir string) string {
	return strings.TrimPrefix(dir, folder(""))
}

// claim creates and locks the directory of a new playground. The lock is held until every
// process that has the returned file open has ended.
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
		// The content prevents that rename replaces it, which only happens to empty
		// directories.
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

// takeName renames the locked directory to the playground's name, or to the first unused name
// if none is given.
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

// checkLength rejects directories whose path is too long for etcd's sockets: the kernel
// limits these to 107 bytes.
func checkLength(name string) error {
	const longest = 107 - len("/etcd-peer.sock")
	if dir := folder(cmp.Or(name, baseName+"-99")); len(dir) > longest {
		return fmt.Errorf("the playground's folder %s would have a path of more than %d bytes: choose a shorter name, or set TMPDIR to another directory", dir, longest)
	}
	return nil
}

// checkSpace refuses to start if disk space would run out.
func checkSpace(dir string) error {
	free, err := freeBytes(dir)
	if err == nil && free < minFreeBytes {
		err = fmt.Errorf("only %d MiB free in %s: a playground requires %d MiB or more (set TMPDIR to use another directory)", free>>20, dir, minFreeBytes>>20)
	}
	return err
}

// CheckRoom returns an error if the directory has hardly any space left, which is the most
// likely reason for a playground to fail.
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

// tryLock opens and locks a directory. It fails immediately if another process has locked it.
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

// sweep removes the directories of playgrounds without processes.
func sweep() {
	dirs, _ := filepath.Glob(folder("*")) // the pattern is well formed
	for _, dir := range dirs {
		if info, err := os.Stat(dir); strings.HasPrefix(nameOf(dir), newPrefix) && (err != nil || time.Since(info.ModTime()) < time.Minute) {
			continue // another process is about to lock it
		}
		if lock, err := tryLock(dir); err == nil {
			_ = Remove(lock, dir) // it will be retried the next time
			lock.Close()
		}
	}
}

// List returns the playgrounds that are running or starting, sorted by name.
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
			continue // it was removed in the meantime
		}
		info.Name = nameOf(dir)
		infos = append(infos, info)
	}
	return infos
}

// Down stops the named playground and waits until it is completely removed.
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
	// Its processes hold the lock until everything is removed, including the directory.
	err = wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, downTimeout, true, func(context.Context) (bool, error) {
		return unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil, nil
	})
	if err != nil {
		return fmt.Errorf("playground %q did not stop within %v: is the command that started it suspended?", name, downTimeout)
	}
	return nil
}

// WriteInfo writes the description of a running playground to its directory.
func WriteInfo(dir string, info Info) error {
	data, err := json.Marshal(info)
	if err != nil {
		return err
	}
	// Written to a temporary file and renamed, so that readers never see a partial file.
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

// Remove removes a playground's directory, whose lock the caller holds. It does not remove a
// new directory of the same name. It retries for a while, because processes that were just
// killed may still be writing.
func Remove(lock *os.File, dir string) error {
	var err error
	for range 500 {
		if !isLocked(lock, dir) {
			return nil
		}
		// The control groups first: without the directory they could not be found.
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

// isLocked reports whether the lock is on the directory that is now at the path.
func isLocked(lock *os.File, dir string) bool {
	locked, err := lock.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(dir)
	return err == nil && os.SameFile(locked, there)
}

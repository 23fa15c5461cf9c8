package realtest

import (
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/stowage-k8s/stowage/chaos/latency"
	"github.com/stowage-k8s/stowage/internal/image"
)

// standIn is what tc is in the image of latency's helper: netem is a module that not every
// kernel has, and a queue of seven packets shows as well whose network is changed, and when.
const standIn = `#!/bin/sh
case "$*" in
"qdisc add dev eth0 root netem delay "*) exec /machine/tc qdisc add dev eth0 root pfifo limit 7 ;;
"qdisc del dev eth0 root netem") exec /machine/tc qdisc del dev eth0 root pfifo ;;
esac
echo "tc was not to be told: $*" >&2
exit 1
`

// writeNetemImage writes an archive of latency's own image, with the programs of this machine
// that the helper needs.
func writeNetemImage(archive string) error {
	files := map[string]image.File{"/bin/tc": {Mode: 0o755, Content: []byte(standIn)}, "/tmp": {Mode: fs.ModeDir | 0o755}}
	for _, program := range []string{"grep", "nsenter", "readlink", "sh", "sleep", "test", "touch", "tc"} {
		found, err := exec.LookPath(program)
		if err != nil {
			return fmt.Errorf("the stand-in for netem needs %s: %w", program, err)
		}
		at := "/bin/" + program
		if program == "tc" {
			at = "/machine/tc"
		}
		if err := add(files, at, found); err != nil {
			return err
		}
		libraries, err := exec.Command("ldd", found).Output()
		if err != nil {
			return fmt.Errorf("looking what %s is linked with: %w", found, err)
		}
		for _, word := range strings.Fields(string(libraries)) {
			if filepath.IsAbs(word) {
				if err := add(files, word, word); err != nil {
					return err
				}
			}
		}
	}
	img, err := image.OfFiles(files, v1.Config{Env: []string{"PATH=/bin"}}, gzip.BestSpeed)
	if err != nil {
		return err
	}
	_, err = image.Write(archive, latency.DefaultImage, img)
	return err
}

func add(files map[string]image.File, at, file string) error {
	content, err := os.ReadFile(file)
	files[at] = image.File{Mode: 0o755, Content: content}
	return err
}

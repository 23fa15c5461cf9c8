package figure

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"

	kubernetes "k8s.io/component-base/version"

	"github.com/stowage-k8s/stowage/internal/version"
)

// Environment is where something was measured.
type Environment struct {
	CPU string `json:"cpu"`
	// Cores is how many there are, MemoryMiB what memory.
	Cores     int   `json:"cores"`
	MemoryMiB int64 `json:"memoryMiB"`
	// System is the operating system's kernel, Go the version of the compiler.
	System     string `json:"system"`
	Go         string `json:"go"`
	Kubernetes string `json:"kubernetes"`
	// Stowage is the version, which has the commit in it.
	Stowage string `json:"stowage"`
}

// Here returns the environment of this process.
func Here() Environment {
	e := Environment{
		CPU:   lookUp("/proc/cpuinfo", "model name"),
		Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
		Kubernetes: kubernetes.Get().GitVersion, Stowage: version.Stowage(),
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		e.System += " " + strings.TrimSpace(string(release))
	}
	kib, _ := strconv.ParseInt(strings.TrimSuffix(lookUp("/proc/meminfo", "MemTotal"), " kB"), 10, 64)
	e.MemoryMiB = kib / 1024
	return e
}

// lookUp returns the first value of a name in a file of lines "name : value"; "" if there is none.
func lookUp(path, name string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

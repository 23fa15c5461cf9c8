package playground

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

const (
	// DefaultClientQPS and DefaultClientBurst limit each client of the control plane, in
	// requests per second. client-go's default of 5 is the usual reason for a "slow"
	// scheduler; these defaults exceed what two cores can handle.
	DefaultClientQPS   = 5000
	DefaultClientBurst = 10000
)

// The names of a control plane's processes. SupervisorName is the process that runs the
// others. It also caches all pods, to reject those for which nodes have no room.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	KubeScheduler     = "kube-scheduler"
	Kwok              = "kwok"
	SupervisorName    = "playground"
)

// MemoryPercent is the percentage of the machine's memory that each component, and the
// supervisor, may use without memory pressure. On 24 GiB, the rest is sufficient for
// schedulers, tools and watchers of a cluster of Kubernetes' maximum size, and each component
// can handle the pods of a lost zone. With less, it would mostly collect garbage.
var MemoryPercent = map[string]int64{
	APIServer: 34, ControllerManager: 12, Etcd: 11, KubeScheduler: 9, Kwok: 6, SupervisorName: 6,
}

// Options describe the playground to start. The zero value is a control plane with a
// kube-scheduler and no nodes.
type Options struct {
	// Name distinguishes playgrounds on the same machine. Empty means the first unused name
	// of playground, playground-2 and so on.
	Name string
	// Pool describes the initial fake nodes; nil means none.
	Pool *pool.Pool
	// RealNodes is the number of real nodes in addition to the fake ones, each with a kubelet
	// and a containerd. They require root, and programs that the error lists if they are
	// missing.
	RealNodes int
	// Images are image archives to import on the real nodes, as written by `make images` or
	// `docker save`. Images of the project's programs that are not among them are created
	// from the programs.
	Images []string
	// Preload is a file written by package preload, with the objects that exist before the
	// control plane starts, including the pool's nodes, which are then not created. Empty
	// means none.
	Preload string
	// Kubernetes is the minor version of the control plane, including etcd and
	// kube-scheduler: one of Versions. Empty means LinkedVersion, which is the only one that
	// supports real nodes.
	Kubernetes string
	// NoKubeScheduler disables kube-scheduler.
	NoKubeScheduler bool
	// Restart starts a process of the control plane again when it has ended, as a kubelet does.
	// By default, the playground ends with it.
	Restart bool
	// ClientQPS and ClientBurst limit each client of the control plane in requests
	// per second; 0 means the defaults above.
	ClientQPS   float32
	ClientBurst int
	// Port is the API server's port on 127.0.0.1; 0 means a free port.
	Port int
	// APIServerFlags are additional flags of the API server.
	APIServerFlags []string
	// LogDir is the directory for the logs of the control plane. If empty, they are deleted
	// with the playground.
	LogDir string
	// Binary is the stowage-playground executable. Empty means the one that `make build` has
	// built in bin/.
	Binary string `json:"-"`
	// Progress is called for each step; nil means no calls.
	Progress func(Step) `json:"-"`
}

// Step is a step of the start that is complete or in progress.
type Step struct {
	// Message describes the step in a few words.
	Message string
	// Interim reports that the step is not complete.
	Interim bool
	// Took is the duration.
	Took time.Duration
}

// String returns the duration and the message.
func (s Step) String() string { return fmt.Sprintf("%6.1fs  %s", s.Took.Seconds(), s.Message) }

// Validate validates the options before anything is started, and sets defaults.
func (o *Options) Validate() error {
	if msgs := validation.IsDNS1123Label(o.Name); o.Name != "" && len(msgs) > 0 {
		return fmt.Errorf("playground name %q: must consist of lowercase letters, digits and dashes", o.Name)
	}
	if o.Port < 0 || o.Port > 65535 {
		return fmt.Errorf("port %d: must be from 1 to 65535, or 0 for a free port", o.Port)
	}
	if o.ClientQPS < 0 || o.ClientBurst < 0 {
		return fmt.Errorf("client QPS %g and burst %d: must be 0 (the default) or more", o.ClientQPS, o.ClientBurst)
	}
	if o.ClientQPS == 0 {
		o.ClientQPS = DefaultClientQPS
	}
	if o.ClientBurst == 0 {
		o.ClientBurst = max(DefaultClientBurst, int(o.ClientQPS))
	}
	if o.RealNodes < 0 || o.RealNodes > MostRealNodes {
		return fmt.Errorf("%d real nodes: must be from 0 to %d", o.RealNodes, MostRealNodes)
	}
	if err := o.validateVersion(); err != nil {
		return err
	}
	if len(o.Images) > 0 && o.RealNodes == 0 {
		return errors.New("images require real nodes: set --real-nodes to 1 or more")
	}
	o.Images = slices.Clone(o.Images)
	for i := range o.Images {
		if err := absolute(&o.Images[i]); err != nil {
			return fmt.Errorf("images %q: %w", o.Images[i], err)
		}
	}
	if o.Preload != "" {
		if err := absolute(&o.Preload); err != nil {
			return fmt.Errorf("objects to preload %q: %w", o.Preload, err)
		}
	}
	if o.LogDir != "" {
		abs, err := filepath.Abs(o.LogDir)
		if err != nil {
			return fmt.Errorf("log folder %q: %w", o.LogDir, err)
		}
		o.LogDir = abs
	}
	if o.Progress == nil {
		o.Progress = func(Step) {}
	}
	return nil
}

// absolute makes the path of an existing file absolute.
func absolute(path *string) error {
	abs, err := filepath.Abs(*path)
	if err == nil && !isFile(abs) {
		err = errors.New("no such file")
	}
	if err == nil {
		*path = abs
	}
	return err
}

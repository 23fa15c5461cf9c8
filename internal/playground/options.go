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
	// DefaultClientQPS and DefaultClientBurst limit each client of the control
	// plane, in requests per second. client-go's own default of 5 is the usual
	// reason for a "slow" scheduler; these are above what two cores can do.
	DefaultClientQPS   = 5000
	DefaultClientBurst = 10000
)

// SupervisorName names the process that runs the components, and keeps all pods to refuse
// those that nodes have no room for.
const SupervisorName = "playground"

// MemoryPercent is of how much of the machine's memory each component makes use freely, and
// the supervisor. Together that leaves enough for schedulers, tools and watchers of a
// cluster of Kubernetes' full size, on 24 GiB, and each of them has room for the pods that a
// lost zone holds on to until it is back: one that has not does little but collect garbage.
var MemoryPercent = map[string]int64{
	"kube-apiserver": 34, "kube-controller-manager": 12, "etcd": 11, "kube-scheduler": 9, "kwok": 6, SupervisorName: 6,
}

// Options say what playground to start. The zero value is a control plane with a
// kube-scheduler and no nodes.
type Options struct {
	// Name tells playgrounds on the same machine apart; empty means the first
	// free of playground, playground-2 and so on.
	Name string
	// Pool is the fake nodes to start with; nil means none.
	Pool *pool.Pool
	// RealNodes is how many real nodes there are beside the fake ones: a kubelet and a
	// containerd each. They take root, and programs that the error names where they are missing.
	RealNodes int
	// Images are archives of images that the real nodes have, as `make images` or `docker save`
	// writes them. Those of the project's programs are made of the programs unless they are
	// among them.
	Images []string
	// Preload is a file that package preload has written: the objects that are there before
	// the control plane starts, the pool's nodes, which are not created then, among them.
	// Empty means none.
	Preload string
	// Kubernetes is the minor version of the control plane, one of Versions: etcd and
	// kube-scheduler are of it, too. Empty means the LinkedVersion, the only one for real nodes.
	Kubernetes string
	// NoKubeScheduler leaves the stock kube-scheduler out.
	NoKubeScheduler bool
	// ClientQPS and ClientBurst limit each client of the control plane in requests
	// per second; 0 means the defaults above.
	ClientQPS   float32
	ClientBurst int
	// Port is the API server's on 127.0.0.1; 0 means a free one.
	Port int
	// LogDir keeps the logs of the control plane; empty means that they go with
	// the playground.
	LogDir string
	// Binary is the stowage-playground executable; empty means the one that
	// `make build` leaves in bin/.
	Binary string `json:"-"`
	// Progress is told what is going on; nil means nobody is.
	Progress func(Step) `json:"-"`
}

// Step is something that a start-up has just finished, or is busy with.
type Step struct {
	// Message says what, in a few words.
	Message string
	// Interim says that it is not finished.
	Interim bool
	// Took is how long it took.
	Took time.Duration
}

// String says what and how long.
func (s Step) String() string { return fmt.Sprintf("%6.1fs  %s", s.Took.Seconds(), s.Message) }

// Validate checks the options before anything is started, and fills in defaults.
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

// absolute makes the path of a file, which must be there, one that holds in any folder.
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

// Package connect connects a program to the cluster that its flags name.
package connect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/stowage-k8s/stowage/internal/compat"
)

// reachTimeout is how long the API server may take to answer the first request.
const reachTimeout = 10 * time.Second

// Flags say which cluster to use, and limit the rate of requests.
type Flags struct {
	Kubeconfig, Context string
	QPS                 float32
	Burst               int
}

// Add adds the flags.
func (f *Flags) Add(fs *pflag.FlagSet) {
	fs.StringVar(&f.Kubeconfig, "kubeconfig", "", "the kubeconfig file; by default, the cluster that the program runs in is used")
	fs.StringVar(&f.Context, "context", "", "the context in the kubeconfig; by default, its current one")
	fs.Float32Var(&f.QPS, "client-connection-qps", 200, "the maximum number of requests per second to the API server")
	fs.IntVar(&f.Burst, "client-connection-burst", 400, "the maximum burst of requests to the API server")
}

// Cluster is a cluster whose API server responds.
type Cluster struct {
	kubernetes.Interface
	Config *rest.Config
	// Name is what to call it: its context.
	Name string
	// Kubernetes is the version of its API server, such as v1.37.2.
	Kubernetes string
	// Outside says that Stowage is not tested on its version. It is empty if it is.
	Outside string
}

// Config returns the client configuration for the API server, and a name for the cluster.
func (f *Flags) Config(program string) (*rest.Config, string, error) {
	if f.QPS <= 0 || f.Burst <= 0 {
		return nil, "", fmt.Errorf("--client-connection-qps and --client-connection-burst must be above 0, not %v and %d", f.QPS, f.Burst)
	}
	cfg, name, err := f.find()
	if err != nil {
		return nil, "", err
	}
	cfg.QPS, cfg.Burst = f.QPS, f.Burst
	cfg.ContentConfig.ContentType = runtime.ContentTypeProtobuf
	cfg.AcceptContentTypes = strings.Join([]string{runtime.ContentTypeProtobuf, runtime.ContentTypeJSON}, ",")
	cfg.UserAgent = program
	return cfg, name, nil
}

func (f *Flags) find() (*rest.Config, string, error) {
	if f.Kubeconfig == "" && f.Context == "" {
		cfg, err := rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			return nil, "", errors.New("no cluster is named: set --context or --kubeconfig, or run in a cluster")
		}
		return cfg, "the cluster it runs in", err
	}
	loader := f.loader()
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, "", fmt.Errorf("reading the kubeconfig: %w", err)
	}
	name := f.Context
	if name == "" {
		name = raw.CurrentContext
	}
	cfg, err := loader.ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("context %q of the kubeconfig: %w", name, err)
	}
	return cfg, "context " + name, nil
}

// loader reads the kubeconfig.
func (f *Flags) loader() clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.Kubeconfig
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: f.Context})
}

// UseCurrentContext makes the flags name the current context of the kubeconfig, as kubectl does, if
// they name no cluster and the kubeconfig has one. It is for commands that only read.
func (f *Flags) UseCurrentContext() {
	if f.Kubeconfig != "" || f.Context != "" {
		return
	}
	if raw, err := clientcmd.NewDefaultClientConfigLoadingRules().Load(); err == nil {
		f.Context = raw.CurrentContext
	}
}

// Connect returns a client for the cluster after the API server has responded. The program's
// name is its user agent.
func (f *Flags) Connect(ctx context.Context, program string) (*Cluster, error) {
	cfg, name, err := f.Config(program)
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	server, err := compat.Ask(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("cannot use the API server at %s: %w", cfg.Host, err)
	}
	return &Cluster{client, cfg, name, server.Release, server.Outside()}, nil
}

// OwnPod returns the name of the pod that the program runs in: from POD_NAMESPACE and
// POD_NAME, which the manifests set, or in a cluster from the host name. It is empty outside
// a cluster. Whether the pod exists is not checked.
func OwnPod() types.NamespacedName {
	own := types.NamespacedName{Namespace: os.Getenv("POD_NAMESPACE"), Name: os.Getenv("POD_NAME")}
	namespace, inCluster := serviceAccountNamespace()
	if own.Name == "" && inCluster {
		own.Name, _ = os.Hostname()
	}
	if own.Name == "" {
		return types.NamespacedName{}
	}
	if own.Namespace == "" {
		own.Namespace = namespace
	}
	return own
}

// serviceAccountNamespace returns the namespace of the service account, which a program in a
// cluster has.
func serviceAccountNamespace() (string, bool) {
	data, err := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
	return strings.TrimSpace(string(data)), err == nil
}

// defaultNamespace is where the program stores its ConfigMap if it runs outside a cluster.
const defaultNamespace = "stowage-system"

// OwnNamespace returns the namespace that the program runs in.
func OwnNamespace() string {
	if namespace, inCluster := serviceAccountNamespace(); inCluster {
		return namespace
	}
	return defaultNamespace
}

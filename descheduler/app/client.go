package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// reachTimeout is how long the API server may take to answer the first request.
const reachTimeout = 10 * time.Second

// clientFlags say which cluster, and how fast to ask it.
type clientFlags struct {
	kubeconfig, context string
	qps                 float32
	burst               int
}

func (f *clientFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.kubeconfig, "kubeconfig", "", "the kubeconfig of the cluster; without one, the cluster that the program runs in")
	fs.StringVar(&f.kubeconfig, "client-connection-kubeconfig", "", "the same")
	fs.StringVar(&f.context, "context", "", "the context of the kubeconfig, if not its current one")
	fs.Float32Var(&f.qps, "client-connection-qps", 200, "the most requests per second to the API server")
	fs.IntVar(&f.burst, "client-connection-burst", 400, "the most requests at once to the API server")
}

// config returns how to reach the API server, and a name for the cluster.
func (f *clientFlags) config() (*rest.Config, string, error) {
	if f.qps <= 0 || f.burst <= 0 {
		return nil, "", fmt.Errorf("--client-connection-qps and --client-connection-burst must be above 0, not %v and %d", f.qps, f.burst)
	}
	cfg, name, err := f.find()
	if err != nil {
		return nil, "", err
	}
	cfg.QPS, cfg.Burst = f.qps, f.burst
	cfg.ContentConfig.ContentType = runtime.ContentTypeProtobuf
	cfg.AcceptContentTypes = strings.Join([]string{runtime.ContentTypeProtobuf, runtime.ContentTypeJSON}, ",")
	cfg.UserAgent = program
	return cfg, name, nil
}

func (f *clientFlags) find() (*rest.Config, string, error) {
	if f.kubeconfig == "" && f.context == "" {
		cfg, err := rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			return nil, "", errors.New("no cluster is named: give --kubeconfig, or run in a cluster")
		}
		return cfg, "the cluster it runs in", err
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: f.context})
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, "", fmt.Errorf("reading the kubeconfig: %w", err)
	}
	name := f.context
	if name == "" {
		name = raw.CurrentContext
	}
	cfg, err := loader.ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("context %q of the kubeconfig: %w", name, err)
	}
	return cfg, "context " + name, nil
}

// connect returns a client for a cluster that answers.
func (f *clientFlags) connect(ctx context.Context) (kubernetes.Interface, *rest.Config, string, error) {
	cfg, name, err := f.config()
	if err != nil {
		return nil, nil, "", err
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	if err := client.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx).Error(); err != nil {
		return nil, nil, "", fmt.Errorf("cannot use the API server at %s: %w", cfg.Host, err)
	}
	return client, cfg, name, nil
}

// defaultNamespace is where the program keeps what it has to remember, unless it runs in
// a cluster: then that is its own namespace.
const defaultNamespace = "stowage-system"

// ownNamespace returns the namespace that the program runs in.
func ownNamespace() string {
	if data, err := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace"); err == nil {
		return strings.TrimSpace(string(data))
	}
	return defaultNamespace
}

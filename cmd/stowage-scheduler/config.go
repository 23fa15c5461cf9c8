package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/compat"
)

// reachTimeout limits how long the API server may take to answer the first request.
const reachTimeout = 10 * time.Second

// overrides maps flags to fields of the configuration. The engine ignores the first four if
// it has a configuration; here, all of them override it.
var overrides = map[string][]string{
	"kubeconfig":                      {"clientConnection", "kubeconfig"},
	"kube-api-content-type":           {"clientConnection", "contentType"},
	"kube-api-qps":                    {"clientConnection", "qps"},
	"kube-api-burst":                  {"clientConnection", "burst"},
	"leader-elect":                    {"leaderElection", "leaderElect"},
	"leader-elect-lease-duration":     {"leaderElection", "leaseDuration"},
	"leader-elect-renew-deadline":     {"leaderElection", "renewDeadline"},
	"leader-elect-retry-period":       {"leaderElection", "retryPeriod"},
	"leader-elect-resource-lock":      {"leaderElection", "resourceLock"},
	"leader-elect-resource-name":      {"leaderElection", "resourceName"},
	"leader-elect-resource-namespace": {"leaderElection", "resourceNamespace"},
}

// describeOverrides changes the help of the flags to what they do here.
func describeOverrides(flags *pflag.FlagSet) {
	for name, path := range overrides {
		flag := flags.Lookup(name)
		flag.Usage = fmt.Sprintf("overrides %s in the configuration", strings.Join(path, "."))
		flag.DefValue = zeroValues[flag.Value.Type()] // the configuration determines the default
	}
}

// zeroValues are the default values that the help omits, by type of flag.
var zeroValues = map[string]string{"bool": "false", "duration": "0s", "float32": "0", "int32": "0"}

// prepareConfig passes the configuration to the engine: the built-in one, or that of
// --config, with the flags that override it. It also checks that the cluster can be used.
func (s *start) prepareConfig(ctx context.Context, flags *pflag.FlagSet) error {
	source, data, err := readConfig(flags.Lookup("config").Value.String())
	if err != nil {
		return err
	}
	var doc map[string]any
	if err := yaml.UnmarshalStrict(data, &doc); err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	if doc == nil {
		return fmt.Errorf("%s is empty: must be a KubeSchedulerConfiguration", source)
	}
	if err := override(doc, flags); err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	if err := check(doc); err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	if err := s.prepareClient(ctx, doc, flags); err != nil {
		return err
	}
	if s.configuration, err = yaml.Marshal(doc); err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	return handOver(flags, s.configuration)
}

// readConfig returns the configuration in the file, or the built-in one if path is empty, and
// its name for messages.
func readConfig(path string) (source string, data []byte, err error) {
	if path == "" {
		return "the built-in configuration", config.Scheduler, nil
	}
	if data, err = os.ReadFile(path); err != nil {
		return "", nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return path, data, nil
}

// override sets the fields whose flags are set.
func override(doc map[string]any, flags *pflag.FlagSet) error {
	for name, path := range overrides {
		if !flags.Changed(name) {
			continue
		}
		var value any
		if err := yaml.Unmarshal([]byte(flags.Lookup(name).Value.String()), &value); err != nil {
			return fmt.Errorf("--%s: %w", name, err)
		}
		if err := unstructured.SetNestedField(doc, value, path...); err != nil {
			return err
		}
	}
	return nil
}

// handOver passes the configuration to the engine through a pipe, because the engine only
// reads files and a container's file system may be read-only.
func handOver(flags *pflag.FlagSet, data []byte) error {
	// Not os.Pipe: the engine knows the reading end only by its number, and the garbage
	// collector closes files that are not referenced.
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("creating a pipe: %w", err)
	}
	write := os.NewFile(uintptr(ends[1]), "configuration")
	go func() {
		// A failure shows as a truncated, so invalid, configuration.
		_, _ = write.Write(data)
		write.Close()
	}()
	return flags.Set("config", fmt.Sprintf("/dev/fd/%d", ends[0]))
}

// prepareClient checks that the cluster can be used, and sets the flags that depend on the
// connection.
func (s *start) prepareClient(ctx context.Context, doc map[string]any, flags *pflag.FlagSet) error {
	kubeconfig, _, err := unstructured.NestedString(doc, "clientConnection", "kubeconfig")
	if err != nil {
		return err
	}
	cfg, err := clientConfig(flags.Lookup("master").Value.String(), kubeconfig)
	if flags.Changed("write-config-to") {
		// --write-config-to only reads the configuration: any server will do, because it is
		// not called.
		if err != nil {
			return flags.Set("master", "http://127.0.0.1:0")
		}
		return nil
	}
	if err != nil {
		return err
	}
	l := leaseOf(doc)
	s.elects = l.elect
	if err := s.checkCluster(ctx, cfg, l); err != nil {
		return err
	}
	// The same API server authorizes requests for metrics.
	for _, name := range []string{"authentication-kubeconfig", "authorization-kubeconfig"} {
		if kubeconfig != "" && !flags.Changed(name) {
			if err := flags.Set(name, kubeconfig); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkCluster returns an error if the API server cannot be used at startup. Later, the
// engine retries.
func (s *start) checkCluster(ctx context.Context, cfg *rest.Config, l lease) error {
	cfg.Timeout = reachTimeout
	cfg.QPS = -1 // about fifty small requests at once
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return err
	}
	if s.server, err = compat.Ask(ctx, client); err != nil {
		return fmt.Errorf("cannot use the API server at %s: %w", cfg.Host, err)
	}
	s.client = client
	if !l.elect {
		return nil
	}
	if _, err := client.CoreV1().Namespaces().Get(ctx, l.namespace, metav1.GetOptions{}); apierrors.IsNotFound(err) {
		return fmt.Errorf("the cluster has no namespace %q for the leader election lease: apply config/scheduler/rbac.yaml first, or set --leader-elect-resource-namespace", l.namespace)
	}
	return nil // an account without access to namespaces may still be able to use the lease
}

// clientConfig returns the client configuration for the API server.
func clientConfig(master, kubeconfig string) (*rest.Config, error) {
	if master == "" && kubeconfig == "" {
		cfg, err := rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			return nil, errors.New("no API server specified: set --kubeconfig, or run in a cluster")
		}
		return cfg, err
	}
	cfg, err := clientcmd.BuildConfigFromFlags(master, kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig %q: %w", kubeconfig, err)
	}
	return cfg, nil
}

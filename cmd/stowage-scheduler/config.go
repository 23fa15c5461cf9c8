package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/config"
)

// reachTimeout is how long the API server may take to answer the first request.
const reachTimeout = 10 * time.Second

// clientConnectionFields maps flags to fields of clientConnection. The engine
// ignores these flags when it is given a configuration; here they override it.
var clientConnectionFields = map[string]string{
	"kubeconfig":            "kubeconfig",
	"kube-api-content-type": "contentType",
	"kube-api-qps":          "qps",
	"kube-api-burst":        "burst",
}

func usageOverride(flag string) string {
	return fmt.Sprintf("overrides clientConnection.%s of the configuration", clientConnectionFields[flag])
}

// prepareConfig hands the engine the configuration to run with: the built-in one
// unless --config names another, with the flags that override it. It then makes
// sure that there is an API server to talk to.
func prepareConfig(ctx context.Context, flags *pflag.FlagSet) error {
	path := flags.Lookup("config").Value.String()
	source, data := "the built-in configuration", config.Scheduler
	if path != "" {
		var err error
		if data, err = os.ReadFile(path); err != nil {
			return fmt.Errorf("reading the configuration: %w", err)
		}
		source = path
	}
	var doc map[string]any
	if err := yaml.UnmarshalStrict(data, &doc); err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	if doc == nil {
		return fmt.Errorf("%s is empty: want a KubeSchedulerConfiguration", source)
	}
	changed, err := override(doc, flags)
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	if flags.Lookup("write-config-to").Value.String() == "" {
		if err := reachAPIServer(ctx, doc, flags.Lookup("master").Value.String()); err != nil {
			return err
		}
	}
	if path != "" && !changed {
		return nil
	}
	if data, err = yaml.Marshal(doc); err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	return handOver(flags, data)
}

// override sets the fields of clientConnection for which there are flags, and
// says whether there were any.
func override(doc map[string]any, flags *pflag.FlagSet) (bool, error) {
	changed := false
	for name, field := range clientConnectionFields {
		if !flags.Changed(name) {
			continue
		}
		var value any
		if err := yaml.Unmarshal([]byte(flags.Lookup(name).Value.String()), &value); err != nil {
			return false, fmt.Errorf("--%s: %w", name, err)
		}
		if err := unstructured.SetNestedField(doc, value, "clientConnection", field); err != nil {
			return false, err
		}
		changed = true
	}
	return changed, nil
}

// handOver passes the configuration to the engine, which takes it from a file
// only, through a pipe: a container's file system may well be read-only.
func handOver(flags *pflag.FlagSet, data []byte) error {
	// Not os.Pipe: the engine knows the reading end by its number only, and the
	// garbage collector closes files that nobody refers to.
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("making a pipe: %w", err)
	}
	write := os.NewFile(uintptr(ends[1]), "configuration")
	go func() {
		// A failure shows as a truncated, so invalid, configuration.
		_, _ = write.Write(data)
		write.Close()
	}()
	return flags.Set("config", fmt.Sprintf("/dev/fd/%d", ends[0]))
}

// reachAPIServer says what is wrong when the API server cannot be reached at the
// start. Later on the engine keeps trying, as it should.
func reachAPIServer(ctx context.Context, doc map[string]any, master string) error {
	kubeconfig, _, err := unstructured.NestedString(doc, "clientConnection", "kubeconfig")
	if err != nil {
		return err
	}
	cfg, err := clientConfig(master, kubeconfig)
	if err != nil {
		return err
	}
	cfg.Timeout = reachTimeout
	client, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return err
	}
	if err := client.RESTClient().Get().AbsPath("/version").Do(ctx).Error(); err != nil {
		return fmt.Errorf("cannot use the API server at %s: %w", cfg.Host, err)
	}
	return nil
}

// clientConfig returns how to reach the API server.
func clientConfig(master, kubeconfig string) (*rest.Config, error) {
	if master == "" && kubeconfig == "" {
		cfg, err := rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			return nil, errors.New("no API server is named: give --kubeconfig, or run in a cluster")
		}
		return cfg, err
	}
	cfg, err := clientcmd.BuildConfigFromFlags(master, kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig %q: %w", kubeconfig, err)
	}
	return cfg, nil
}

package connect

import (
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// WriteKubeconfig writes a kubeconfig to a new file, which only its owner can read. It has only the
// cluster of the flags, as its current context, so that another program cannot use a different one.
func (f *Flags) WriteKubeconfig(path string) error {
	config, err := f.kubeconfig()
	if err == nil {
		err = clientcmd.WriteToFile(*config, path) // with mode 0600
	}
	if err != nil {
		return fmt.Errorf("writing a kubeconfig: %w", err)
	}
	return nil
}

func (f *Flags) kubeconfig() (*clientcmdapi.Config, error) {
	if f.Kubeconfig == "" && f.Context == "" {
		cfg, err := rest.InClusterConfig()
		if err != nil {
			return nil, err
		}
		return ofServiceAccount(cfg), nil
	}
	config, err := f.loader().RawConfig()
	if err != nil {
		return nil, err
	}
	if f.Context != "" {
		config.CurrentContext = f.Context
	}
	if err := clientcmdapi.MinifyConfig(&config); err != nil {
		return nil, err
	}
	return &config, nil // files are named, with their whole paths: keys are not copied
}

// ofServiceAccount returns a kubeconfig for the cluster that the program runs in. It names the file
// of the token, which changes.
func ofServiceAccount(cfg *rest.Config) *clientcmdapi.Config {
	const name = "in-cluster"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: cfg.Host, CertificateAuthority: cfg.CAFile}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{TokenFile: cfg.BearerTokenFile}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	return config
}

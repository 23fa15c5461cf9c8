package connect

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// two has two contexts, one of which has its certificate in a file beside it.
const two = `apiVersion: v1
kind: Config
current-context: production
clusters:
- {name: production, cluster: {server: https://production}}
- {name: staging, cluster: {server: https://staging, certificate-authority: ca.crt}}
users:
- {name: root, user: {token: secret}}
- {name: me, user: {token: mine}}
contexts:
- {name: production, context: {cluster: production, user: root}}
- {name: staging, context: {cluster: staging, user: me, namespace: shop}}
`

func TestAKubeconfigForAnotherProgramHasTheNamedContextOnly(t *testing.T) {
	folder := t.TempDir()
	original, path := filepath.Join(folder, "config"), filepath.Join(folder, "written")
	for name, text := range map[string]string{original: two, filepath.Join(folder, "ca.crt"): "certificate"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for context, want := range map[string]string{"": "production https://production root", "staging": "staging https://staging me"} {
		f := &Flags{Kubeconfig: original, Context: context}
		if err := f.WriteKubeconfig(path); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("context %q: the file has mode %o", context, mode)
		}
		config, err := clientcmd.LoadFromFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(config.Contexts) != 1 || len(config.Clusters) != 1 || len(config.AuthInfos) != 1 {
			t.Fatalf("context %q: the file has more than one context, cluster or user", context)
		}
		is := config.Contexts[config.CurrentContext]
		cluster := config.Clusters[is.Cluster]
		if got := config.CurrentContext + " " + cluster.Server + " " + is.AuthInfo; got != want {
			t.Errorf("context %q: the file is for %q, want %q", context, got, want)
		}
		if context == "staging" && (cluster.CertificateAuthority != filepath.Join(folder, "ca.crt") || len(cluster.CertificateAuthorityData) > 0 || is.Namespace != "shop") {
			t.Errorf("context staging has certificate %q, a copy of it %q, and namespace %q", cluster.CertificateAuthority, cluster.CertificateAuthorityData, is.Namespace)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := (&Flags{Kubeconfig: original, Context: "none"}).WriteKubeconfig(path); err == nil {
		t.Error("a context that is not there got a kubeconfig")
	}
}

func TestAKubeconfigForTheClusterThatTheProgramRunsInNamesTheFileOfTheToken(t *testing.T) {
	folder := t.TempDir()
	path, token, ca := filepath.Join(folder, "config"), filepath.Join(folder, "token"), filepath.Join(folder, "ca.crt")
	config := ofServiceAccount(&rest.Config{Host: "https://10.0.0.1", BearerToken: "old", BearerTokenFile: token, TLSClientConfig: rest.TLSClientConfig{CAFile: ca}})
	for name, text := range map[string]string{token: "new", ca: "certificate"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	client, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"https://10.0.0.1", token, ca}
	if diff := cmp.Diff(want, []string{client.Host, client.BearerTokenFile, client.CAFile}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

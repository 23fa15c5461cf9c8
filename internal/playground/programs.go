package playground

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/process"
)

// StartProgram starts one of the project's programs for the playground. name is the name of
// its log. It ends with this process at the latest.
func (p *Playground) StartProgram(binary, name string, args ...string) (*process.Process, error) {
	path, err := FindBinary(binary)
	if err != nil {
		return nil, err
	}
	return p.StartOther(process.Spec{Name: name, Path: path, Args: args})
}

// StartOther is StartProgram for a program that is not part of the project.
func (p *Playground) StartOther(spec process.Spec) (*process.Process, error) {
	dir := p.opts.LogDir
	if dir == "" {
		dir = p.dir
	}
	spec.Log = filepath.Join(dir, spec.Name+".log")
	return process.Start(spec)
}

// StartVital is StartProgram for a program, with its own name, without which work cannot
// continue: abort is called if it ends unexpectedly.
func (p *Playground) StartVital(abort context.CancelCauseFunc, binary string, args ...string) (*process.Process, error) {
	program, err := p.StartProgram(binary, binary, args...)
	if err != nil {
		return nil, err
	}
	go func() {
		<-program.Done()
		if err := program.EndedByItself(); err != nil {
			abort(err)
		}
	}()
	return program, nil
}

// Kubectl runs the kubectl in bin/ as the administrator, and returns its output. Its cache is
// not kept.
func (p *Playground) Kubectl(ctx context.Context, args ...string) (string, error) {
	binary, err := FindBinary("kubectl")
	if err != nil {
		return "", err
	}
	cache, err := os.MkdirTemp(p.dir, "kubectl-cache-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(cache)
	cmd := exec.CommandContext(ctx, binary, append(args, "--kubeconfig", p.Kubeconfig, "--cache-dir", cache)...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s%s", err, out, exit.Stderr)
	}
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w", strings.Join(args, " "), err)
	}
	return string(out), nil
}

// tokenSeconds is the lifetime of tokens, which exceeds that of any playground. In a cluster
// the kubelet renews them, but there is none for the programs started here.
const tokenSeconds = 365 * 24 * 60 * 60

// ServiceAccountKubeconfig writes a kubeconfig with a token of a service account, as a pod
// would have it, and returns its path.
func (p *Playground) ServiceAccountKubeconfig(ctx context.Context, namespace, name string) (string, error) {
	client, err := p.Client()
	if err != nil {
		return "", err
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](tokenSeconds)}}
	token, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("requesting a token for service account %s/%s: %w", namespace, name, err)
	}
	cfg, err := clientcmd.LoadFromFile(p.Kubeconfig)
	if err != nil {
		return "", fmt.Errorf("reading the playground's kubeconfig: %w", err)
	}
	user := fmt.Sprintf("system:serviceaccount:%s:%s", namespace, name)
	cfg.AuthInfos = map[string]*clientcmdapi.AuthInfo{user: {Token: token.Status.Token}}
	cfg.Contexts[cfg.CurrentContext].AuthInfo = user
	path := filepath.Join(p.dir, fmt.Sprintf("%s.%s.kubeconfig", namespace, name))
	if err := clientcmd.WriteToFile(*cfg, path); err != nil {
		return "", fmt.Errorf("writing kubeconfig %s: %w", path, err)
	}
	return path, nil
}

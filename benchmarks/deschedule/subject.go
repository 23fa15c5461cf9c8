package deschedule

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stowage-k8s/stowage/benchmarks/child"
	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/playground"
)

const (
	stowageProgram = "stowage-descheduler"
	// peerProgram is where hack/peers.sh leaves the upstream descheduler.
	peerProgram = "out/peers/descheduler"
	// qps and burst limit subjects, in requests per second.
	qps, burst = 1000, 2000
	// stoppedCode is what stowage ends with when it has stopped for safety.
	stoppedCode = 2
)

// Subject is a descheduler.
type Subject struct {
	Name string
	// ours says that it is Stowage's, noNodeFit that it evicts without asking whether
	// there is a node that the pod could go to, and evicts that it evicts where it could create
	// stand-ins.
	ours, noNodeFit, evicts bool
}

// Subjects are the deschedulers that are compared.
func Subjects() []Subject {
	return []Subject{
		{Name: "stowage", ours: true},
		{Name: "peer-nodefit"},
		{Name: "peer", noNodeFit: true},
		{Name: "stowage-evict", ours: true, evicts: true},
	}
}

// Described says of each subject which version it is, and how it is set.
func Described() []figure.Subject {
	limits := fmt.Sprintf("%d requests/s with bursts of %d", qps, burst)
	return []figure.Subject{
		{Name: "stowage", Version: "Stowage " + figure.Here().Stowage, Settings: limits + ", no cooldown"},
		{Name: "peer-nodefit", Version: "descheduler " + peerVersion(), Settings: limits + ", nodeFit on"},
		{Name: "peer", Version: "descheduler " + peerVersion(), Settings: limits + ", nodeFit off"},
		{Name: "stowage-evict", Version: "Stowage " + figure.Here().Stowage, Settings: limits + ", no cooldown, moves: Evict in the case no-downtime, which it alone takes part in"},
	}
}

// peerVersion returns the version that hack/peers.sh has built.
func peerVersion() string {
	if root, err := playground.ProjectRoot(); err == nil {
		if mark, err := os.ReadFile(filepath.Join(root, peerProgram+".version")); err == nil {
			version, _, _ := strings.Cut(string(mark), " ")
			return version
		}
	}
	return "not built"
}

// QuickSubjects are those of a quick run.
func QuickSubjects() []Subject {
	return slices.DeleteFunc(Subjects(), func(s Subject) bool { return s.noNodeFit })
}

// binary returns the path of the subject's program.
func (s Subject) binary() (string, error) {
	if s.ours {
		return playground.FindBinary(stowageProgram)
	}
	root, err := playground.ProjectRoot()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, peerProgram)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is not built: run hack/peers.sh in %s", peerProgram, root)
	}
	return path, nil
}

// args returns the arguments of one run against a cluster. Of the schedulers of the
// cluster stowage need not be told: both are configured as it expects.
func (s Subject) args(policyFile, kubeconfig string) []string {
	args := []string{
		"--kubeconfig", kubeconfig, "--policy-config-file", policyFile,
		"--client-connection-qps", fmt.Sprint(qps), "--client-connection-burst", fmt.Sprint(burst),
		"--disable-metrics", "--secure-port", "0",
	}
	if s.ours {
		return append([]string{"run", "--cooldown", "0", "-o", "json"}, args...)
	}
	return args
}

// planArgs returns the arguments for planning on a recorded cluster.
func planArgs(policyFile, dump string) []string {
	return []string{"plan", "--from-dump", dump, "--policy-config-file", policyFile, "-o", "json"}
}

// check says what is wrong with how a run of the subject has ended.
func (s Subject) check(r child.Ran, logs string) error {
	if r.Code == 0 || s.ours && r.Code == stoppedCode {
		return nil
	}
	return fmt.Errorf("%s ended with exit code %d; its log: %s", s.Name, r.Code, tail(logs))
}

// tail returns the end of the last line of a log.
func tail(logs string) string {
	lines := strings.Split(strings.TrimSpace(logs), "\n")
	last := lines[len(lines)-1]
	return last[max(0, len(last)-300):]
}

package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Workload is a workload that has opted in.
type Workload struct {
	// Key is that of target.WorkloadKey.
	Key string
	// Identifier is the name that the workload sets for itself.
	Identifier string
	// Mean is the mean time between kills. From a day on it counts workdays of 24 hours, below it
	// the time within the window.
	Mean time.Duration
	// MinWorkdays is the minimum number of workdays between kills, at most Mean. 0 means no
	// limit, and is the only value if Mean is less than a day.
	MinWorkdays int
	// Mode and Value define the number of pods per kill: Value is a number from 1 for Fixed, and
	// a percentage from 0 to 100 otherwise.
	Mode  Mode
	Value int
}

// Problem is an invalid opt-in. Its workload is skipped.
type Problem struct {
	Workload string `json:"workload"`
	// What describes the problem.
	What string `json:"what"`
	// Allowed are the allowed values.
	Allowed string `json:"allowed"`
}

func (p Problem) String() string {
	return fmt.Sprintf("%s: %s; allowed: %s", p.Workload, p.What, p.Allowed)
}

// OptIns are the opt-ins of a cluster.
type OptIns struct {
	// Workloads are those that have opted in and are allowed.
	Workloads []Workload
	Problems  []Problem
	// Excluded are those that have opted in, but are in an excluded namespace.
	Excluded []string
}

// ReadOptIns reads the labels and annotations of Deployments, StatefulSets, ReplicaSets and
// ReplicationControllers, and of DaemonSets, which a snapshot does not hold. Those of pod templates
// do not count, nor those of ReplicaSets that belong to something, which have them
// from there.
func (r *Rules) ReadOptIns(s *cluster.Snapshot, daemonSets []*appsv1.DaemonSet) OptIns {
	var all OptIns
	for _, o := range s.Deployments {
		r.read(&all, "Deployment", o)
	}
	for _, o := range s.StatefulSets {
		r.read(&all, "StatefulSet", o)
	}
	for _, o := range s.ReplicaSets {
		if metav1.GetControllerOfNoCopy(o) == nil {
			r.read(&all, "ReplicaSet", o)
		}
	}
	for _, o := range s.ReplicationControllers {
		r.read(&all, "ReplicationController", o)
	}
	for _, o := range daemonSets {
		r.read(&all, "DaemonSet", o)
	}
	return all
}

// Current returns a planned kill with the current settings of the workload, or why it must not
// happen.
func (o OptIns) Current(kill Kill) (current Kill, why string) {
	for i := range o.Workloads {
		if w := &o.Workloads[i]; w.Key == kill.Workload {
			kill.Identifier, kill.Mode, kill.Value = w.Identifier, w.Mode, w.Value
			return kill, ""
		}
	}
	for _, p := range o.Problems {
		if p.Workload == kill.Workload {
			return Kill{}, p.String()
		}
	}
	if slices.Contains(o.Excluded, kill.Workload) {
		return Kill{}, "its namespace is excluded"
	}
	return Kill{}, "it is gone, or has opted out"
}

func (r *Rules) read(all *OptIns, kind string, object metav1.Object) {
	key := fmt.Sprintf("%s %s/%s", kind, object.GetNamespace(), object.GetName())
	reader := newReader(key, object)
	switch in := reader.optedIn(); {
	case !r.allows(object.GetNamespace()):
		if in {
			all.Excluded = append(all.Excluded, key)
		}
		return
	case in:
		w := reader.workload(object.GetName(), r.config.MinWorkdays)
		if len(reader.problems) == 0 {
			all.Workloads = append(all.Workloads, w)
		}
	}
	all.Problems = append(all.Problems, reader.problems...)
}

// workload reads what a workload asks for. Where something is wrong, problems say so.
func (r *reader) workload(name string, minWorkdays int) Workload {
	w := Workload{Key: r.key, Identifier: name}
	if identifier, there := r.get(identifierName); there {
		w.Identifier = identifier
	} else if r.prefix == kubeMonkeyPrefix {
		r.problem(r.name(identifierName)+" is missing: without it, kube-monkey skips a workload", "any name, such as the workload's")
	}
	if text, there := r.get(mtbfName); there {
		w.Mean = r.mean(text)
	} else {
		r.problem(r.name(mtbfName)+" is missing", allowedMeans)
	}
	w.Mode, w.Value = r.mode()
	w.MinWorkdays = r.minWorkdays(minWorkdays, w.Mean)
	return w
}

const (
	allowedMeans = "days, such as 3 or 3d, or a duration of h, m and s, such as 4h or 30m, from 1m to 3650d"
	maxDays      = 3650
)

// mean reads a mean time between kills.
func (r *reader) mean(text string) time.Duration {
	if days, err := strconv.Atoi(strings.TrimSuffix(text, "d")); err == nil && 1 <= days && days <= maxDays && text[0] != '+' {
		return time.Duration(days) * day
	}
	if d, err := time.ParseDuration(text); err == nil && time.Minute <= d && d <= maxDays*day {
		return d
	}
	r.wrong(mtbfName, text, "is not a mean time between kills", allowedMeans)
	return 0
}

// mode reads how many pods a kill takes: one, where nothing says so.
func (r *reader) mode() (Mode, int) {
	text, there := r.get(killModeName)
	value, valued := r.get(killValueName)
	if !there {
		if valued {
			r.problem(fmt.Sprintf("%s is set without %s", r.name(killValueName), r.name(killModeName)), "both or neither")
		}
		return Fixed, 1
	}
	mode := Mode(text)
	least, most, known := mode.values()
	switch {
	case !known:
		r.wrong(killModeName, text, "is not a mode"+didYouMean(text, modes), strings.Join(modes, ", "))
		return "", 0
	case mode == KillAll:
		return KillAll, 0 // as kube-monkey does, whatever the value
	}
	allowed := fmt.Sprintf("a whole number from %d to %d, without %%", least, most)
	if !valued {
		r.problem(fmt.Sprintf("%s is missing, but required by %s", r.name(killValueName), text), allowed)
		return "", 0
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		r.wrong(killValueName, value, "is not a value for "+text, allowed)
	}
	return mode, n
}

// minWorkdays reads the least number of workdays between kills, and checks it against their mean.
func (r *reader) minWorkdays(configured int, mean time.Duration) int {
	n, source := configured, "minWorkdays of the configuration"
	if text, there := r.get(minWorkdaysName); there {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 0 || n > maxWorkdays {
			r.wrong(minWorkdaysName, text, "is not a number of workdays", fmt.Sprintf("a whole number from 0 to %d", maxWorkdays))
			return 0
		}
		source = r.name(minWorkdaysName)
	}
	switch {
	case n == 0 || mean == 0:
	case mean < day:
		r.problem(fmt.Sprintf("%s is %s, less than a day, but %s requires %d workdays between kills", r.name(mtbfName), mean, source, n), "a minimum of 0, or a mean of days")
	case mean < time.Duration(n)*day:
		r.problem(fmt.Sprintf("%s is %s, less than the %d workdays that %s requires", r.name(mtbfName), mean, n, source), "a mean that is not below the minimum")
	}
	return n
}

// Package latency adds latency to the network of a pod: with a helper pod on its node, or with a
// NetworkChaos object of Chaos Mesh. README.md explains how it works, and what only your nodes
// can confirm.
package latency

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/stowage-k8s/stowage/chaos/field"
)

// ErrFakeNode means that there is no network to delay.
var ErrFakeNode = errors.New("the pods are on fake nodes, which have no network to delay")

// Limits of a Spec. A delay beyond a minute is an outage, and so is one that nobody ends.
const (
	maxDelay = time.Minute
	maxTTL   = 24 * time.Hour
)

// Spec is a delay.
type Spec struct {
	// Delay is the delay of each packet that the pod sends, and Jitter its random variation, plus
	// or minus. Both are in whole microseconds.
	Delay, Jitter time.Duration
	// TTL is the duration of the delay, in whole seconds.
	TTL time.Duration
	// Interface is the network interface in the pod.
	Interface string
}

// interfaceName is what Linux takes as the name of a network interface, less what a shell
// or tc might take for something else.
var interfaceName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$`)

// Check returns the mistakes, as joined errors of type field.Error.
func (s Spec) Check() error {
	var all []error
	report := func(wrong bool, name, format string, args ...any) {
		if wrong {
			all = append(all, field.Errorf(name, format, args...))
		}
	}
	report(s.Delay <= 0 || s.Delay > maxDelay || s.Delay%time.Microsecond != 0, "delay", "%s must be more than 0, up to %s, in whole microseconds", s.Delay, maxDelay)
	report(s.Jitter < 0 || s.Jitter > s.Delay || s.Jitter%time.Microsecond != 0, "jitter", "%s must be from 0 to the delay of %s, in whole microseconds", s.Jitter, s.Delay)
	report(s.TTL < time.Second || s.TTL > maxTTL || s.TTL%time.Second != 0, "duration", "%s must be from 1s to %s, in whole seconds, so that the delay ends on its own", s.TTL, maxTTL)
	report(!interfaceName.MatchString(s.Interface), "interface", "%q is not the name of a network interface such as eth0", s.Interface)
	return errors.Join(all...)
}

// micros writes a duration as tc and Chaos Mesh read it.
func micros(d time.Duration) string { return strconv.FormatInt(d.Microseconds(), 10) + "us" }

// seconds writes a duration as sleep reads it.
func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// Add returns the command that adds the delay in the network namespace of the pod. It fails if
// the interface already has a queueing discipline.
func (s Spec) Add() []string {
	return append([]string{"tc", "qdisc", "add", "dev", s.Interface, "root", "netem"}, s.netem()...)
}

func (s Spec) netem() []string {
	args := []string{"delay", micros(s.Delay)}
	if s.Jitter > 0 {
		args = append(args, micros(s.Jitter))
	}
	return args
}

// Remove returns the command that removes the delay.
func (s Spec) Remove() []string {
	return []string{"tc", "qdisc", "del", "dev", s.Interface, "root", "netem"}
}

// String describes the delay.
func (s Spec) String() string {
	return fmt.Sprintf("%s ± %s on %s for %s", s.Delay, s.Jitter, s.Interface, s.TTL)
}

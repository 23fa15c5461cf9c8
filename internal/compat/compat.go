// Package compat says of which version of Kubernetes an API server is, and whether Stowage is
// proven on it.
package compat

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"
	apimachineryversion "k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/kubernetes"
)

// The minors of Kubernetes that Stowage is proven on. The newest is that of the engine, and the
// oldest the one before which it cannot go: it emulates no older one.
var (
	oldest = version.MajorMinor(1, 34)
	newest = version.MajorMinor(1, 37)
)

// Server is what an API server says of its version.
type Server struct {
	// Release is its own, such as v1.37.2.
	Release string
	// minor is the one whose APIs and features it has: that which it emulates, if any. It is
	// nil where it does not say.
	minor *version.Version
}

// Ask returns the version of an API server, or that it does not answer.
func Ask(ctx context.Context, client kubernetes.Interface) (Server, error) {
	data, err := client.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return Server{}, err
	}
	return parse(data), nil
}

func parse(data []byte) Server {
	var info apimachineryversion.Info
	if json.Unmarshal(data, &info) != nil {
		return Server{}
	}
	s := Server{Release: info.GitVersion}
	major, minor := info.Major, info.Minor
	if info.EmulationMinor != "" {
		major, minor = info.EmulationMajor, info.EmulationMinor
	}
	// Some providers' minors are such as "36+".
	v, err := version.ParseMajorMinor(major + "." + strings.TrimRight(minor, "+"))
	if err == nil {
		s.minor = v
	}
	return s
}

// String is the minor.
func (s Server) String() string {
	if s.minor == nil {
		return "unknown"
	}
	return s.minor.String()
}

// Outside says in a line that Stowage is not proven on the version; nothing where it is.
func (s Server) Outside() string {
	proven := fmt.Sprintf("proven are %s to %s", oldest, newest)
	switch {
	case s.minor == nil:
		return "The API server does not say of which version of Kubernetes it is; " + proven
	case s.minor.LessThan(oldest):
		return fmt.Sprintf("The API server is of Kubernetes %s; %s, and it may lack what this program goes by", s, proven)
	case s.minor.GreaterThan(newest):
		return fmt.Sprintf("The API server is of Kubernetes %s; %s, and what is new since is not taken into account", s, proven)
	}
	return ""
}

// Emulated returns the version of Kubernetes that the engine has to emulate, so that its features
// are those of an API server that is older; nothing where it is not.
func (s Server) Emulated() string {
	switch {
	case s.minor == nil || s.minor.AtLeast(newest):
		return ""
	case s.minor.LessThan(oldest):
		return oldest.String()
	}
	return s.minor.String()
}

// Engine is the version of Kubernetes that the engine is of.
func Engine() string { return newest.String() }

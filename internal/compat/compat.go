// Package compat determines the Kubernetes version of an API server, and whether Stowage is
// tested with it.
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

// The minor versions of Kubernetes with which Stowage is tested. The newest is that of the
// engine, and the oldest is the oldest that the engine can emulate.
var (
	oldest = version.MajorMinor(1, 34)
	newest = version.MajorMinor(1, 37)
)

// Server is the version of an API server.
type Server struct {
	// Release is its own version, such as v1.37.2.
	Release string
	// minor is the version of its APIs and features, which is the emulated version if there
	// is one. It is nil if it is unknown.
	minor *version.Version
}

// Ask returns the version of an API server, or an error if it does not respond.
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
	// Some providers have minor versions such as "36+".
	v, err := version.ParseMajorMinor(major + "." + strings.TrimRight(minor, "+"))
	if err == nil {
		s.minor = v
	}
	return s
}

// String returns the minor version.
func (s Server) String() string {
	if s.minor == nil {
		return "unknown"
	}
	return s.minor.String()
}

// Outside returns a one-line notice if Stowage is not tested with the version, or "" if it
// is.
func (s Server) Outside() string {
	tested := fmt.Sprintf("Stowage is tested with %s to %s", oldest, newest)
	switch {
	case s.minor == nil:
		return "The API server does not report its Kubernetes version; " + tested
	case s.minor.LessThan(oldest):
		return fmt.Sprintf("The API server runs Kubernetes %s; %s, and older versions may lack required features", s, tested)
	case s.minor.GreaterThan(newest):
		return fmt.Sprintf("The API server runs Kubernetes %s; %s, and features of newer versions are ignored", s, tested)
	}
	return ""
}

// Emulated returns the Kubernetes version that the engine must emulate for an older API
// server, or "" if it is not older.
func (s Server) Emulated() string {
	switch {
	case s.minor == nil || s.minor.AtLeast(newest):
		return ""
	case s.minor.LessThan(oldest):
		return oldest.String()
	}
	return s.minor.String()
}

// Engine returns the Kubernetes version of the engine.
func Engine() string { return newest.String() }

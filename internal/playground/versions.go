package playground

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/component-base/version"
)

// LinkedVersion is the minor version of Kubernetes that is linked into stowage-playground.
const LinkedVersion = version.DefaultKubeBinaryVersion

// Versions are the supported minor versions of a control plane, the oldest first. Those that
// are not linked have their own programs, which hack/control-plane.sh builds from a module in
// the directory kubernetes, which pins the release.
var Versions = []string{"1.34", "1.35", "1.36", LinkedVersion}

// ControlPlane returns the directory with the programs of a version that is not linked, for
// the stowage-playground in bin/ of the same checkout.
func ControlPlane(binary, minor string) string {
	return filepath.Join(Checkout(binary), "out", "kubernetes", minor)
}

// Checkout returns the root of the checkout that contains a program in bin/.
func Checkout(binary string) string { return filepath.Dir(filepath.Dir(binary)) }

// validateVersion validates the Kubernetes version, and sets the default.
func (o *Options) validateVersion() error {
	switch {
	case o.Kubernetes == "":
		o.Kubernetes = LinkedVersion
	case !slices.Contains(Versions, o.Kubernetes):
		return fmt.Errorf("unsupported Kubernetes version %q: must be one of %s", o.Kubernetes, strings.Join(Versions, ", "))
	case o.Kubernetes != LinkedVersion && o.RealNodes > 0:
		return fmt.Errorf("real nodes have kubelets of Kubernetes %s, which must not be newer than the control plane: Kubernetes %s cannot be used with real nodes", LinkedVersion, o.Kubernetes)
	}
	return nil
}

// checkBuilt returns an error that explains how to build the version if it is not built.
func (o *Options) checkBuilt() error {
	if o.Kubernetes == LinkedVersion || isFile(filepath.Join(ControlPlane(o.Binary, o.Kubernetes), APIServer)) {
		return nil
	}
	return fmt.Errorf("the control plane of Kubernetes %s is not built: run `hack/control-plane.sh %[1]s` in %s", o.Kubernetes, Checkout(o.Binary))
}

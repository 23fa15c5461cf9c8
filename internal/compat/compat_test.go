package compat

import (
	"strings"
	"testing"

	"k8s.io/apiserver/pkg/util/compatibility"
	baseversion "k8s.io/component-base/version"

	"github.com/stowage-k8s/stowage/internal/playground"
)

func TestServers(t *testing.T) {
	for _, tt := range []struct {
		name, answer     string
		version, outside string
		emulated         string
	}{
		{"the engine's own", `{"major":"1","minor":"37","emulationMajor":"1","emulationMinor":"37"}`, "1.37", "", ""},
		{"an older one is emulated", `{"major":"1","minor":"36"}`, "1.36", "", "1.36"},
		{"a provider's", `{"major":"1","minor":"35+","gitVersion":"v1.35.2-gke.17"}`, "1.35", "", "1.35"},
		{"the oldest that is proven", `{"major":"1","minor":"34"}`, "1.34", "", "1.34"},
		{"one that emulates an older one has its APIs", `{"major":"1","minor":"37","emulationMajor":"1","emulationMinor":"36"}`, "1.36", "", "1.36"},
		{"one older than any that is proven", `{"major":"1","minor":"33"}`, "1.33", "The API server runs Kubernetes 1.33; Stowage is tested with 1.34 to 1.37, and older versions may lack", "1.34"},
		{"one newer than the engine", `{"major":"1","minor":"38"}`, "1.38", "The API server runs Kubernetes 1.38; Stowage is tested with 1.34 to 1.37, and features of newer", ""},
		{"one that does not say", `{}`, "unknown", "The API server does not report its Kubernetes version", ""},
		{"one that says something else", `hello`, "unknown", "The API server does not report its Kubernetes version", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := parse([]byte(tt.answer))
			if s.String() != tt.version || s.Emulated() != tt.emulated {
				t.Errorf("version %s, of which %q is emulated; want %s and %q", s, s.Emulated(), tt.version, tt.emulated)
			}
			if got := s.Outside(); (got == "") != (tt.outside == "") || !strings.HasPrefix(got, tt.outside) {
				t.Errorf("it says %q, want %q", got, tt.outside)
			}
		})
	}
}

// TestWindow fails when the engine moves on, and what is proven or can be tested does not.
func TestWindow(t *testing.T) {
	if Engine() != baseversion.DefaultKubeBinaryVersion {
		t.Errorf("the newest that is proven is %s, and the engine %s", newest, baseversion.DefaultKubeBinaryVersion)
	}
	if emulated := compatibility.DefaultBuildEffectiveVersion().AllowedEmulationVersionRange(); !strings.HasPrefix(emulated, oldest.String()+"..") {
		t.Errorf("the oldest that is proven is %s, and the engine emulates %s", oldest, emulated)
	}
	if tested := playground.Versions; tested[0] != oldest.String() || tested[len(tested)-1] != newest.String() {
		t.Errorf("proven are %s to %s, and playgrounds can be of %v", oldest, newest, tested)
	}
}

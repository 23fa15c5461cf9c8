// Package scheme adds the arguments of Stowage's plugins to the scheduler's schemes, so that
// they are decoded strictly with the configuration that contains them. Importing it for its
// side effect is sufficient.
package scheme

import (
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	schedulerscheme "k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	schedulerv1 "k8s.io/kubernetes/pkg/scheduler/apis/config/v1"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	v1 "github.com/stowage-k8s/stowage/plugins/apis/config/v1"
)

func init() {
	// The engine decodes with the first, and sets defaults and converts with the second.
	for _, scheme := range []*runtime.Scheme{schedulerscheme.Scheme, schedulerv1.GetPluginArgConversionScheme()} {
		utilruntime.Must(config.AddToScheme(scheme))
		utilruntime.Must(v1.AddToScheme(scheme))
	}
}

package v1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SetDefaults_DedicatedNodesArgs sets the defaults, which enable all parts of the score.
func SetDefaults_DedicatedNodesArgs(args *DedicatedNodesArgs) {
	setDefault(&args.Weights.ToleratedTaints, 2)
	setDefault(&args.Weights.ScarceResources, 1)
	setDefault(&args.Weights.PreferNoSchedule, 1)
	setDefault(&args.Weights.ShortStay, 1)
	for i := range args.PreferNoSchedule {
		setDefault(&args.PreferNoSchedule[i].Weight, 1)
	}
	if args.StayHorizon == nil {
		args.StayHorizon = &metav1.Duration{Duration: time.Hour}
	}
}

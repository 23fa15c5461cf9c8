package v1

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

// SetDefaults_BinPackingArgs sets the defaults, including cpu and memory as equal resources.
func SetDefaults_BinPackingArgs(args *BinPackingArgs) {
	if args.Strategy == "" {
		args.Strategy = PackingStrategy(config.Fragmentation)
	}
	if args.EmptyNodes == "" {
		args.EmptyNodes = EmptyNodesPolicy(config.LastResort)
	}
	if len(args.Resources) == 0 {
		args.Resources = []ResourceSpec{
			{Name: string(corev1.ResourceCPU)},
			{Name: string(corev1.ResourceMemory)},
		}
	}
	for i := range args.Resources {
		setDefault(&args.Resources[i].Weight, 1)
		setDefault(&args.Resources[i].Ceiling, 100)
	}
	for i := range args.TypicalPods {
		setDefault(&args.TypicalPods[i].Weight, 1)
	}
}

func setDefault(field **int64, value int64) {
	if *field == nil {
		*field = &value
	}
}

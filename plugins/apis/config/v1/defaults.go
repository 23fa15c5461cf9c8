package v1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// SetDefaults_BinPackingArgs packs by cpu and memory alike unless told otherwise.
func SetDefaults_BinPackingArgs(args *BinPackingArgs) {
	if len(args.Resources) == 0 {
		args.Resources = []ResourceSpec{
			{Name: string(corev1.ResourceCPU)},
			{Name: string(corev1.ResourceMemory)},
		}
	}
	for i := range args.Resources {
		if args.Resources[i].Weight == nil {
			args.Resources[i].Weight = ptr.To[int64](1)
		}
	}
}

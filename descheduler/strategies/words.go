package strategies

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// fewer writes a decrease: "1 fewer pod", "2 fewer pods".
func fewer(n float64, noun string) string {
	if n == 1 {
		return "1 fewer " + noun
	}
	return fmt.Sprintf("%.0f fewer %ss", n, noun)
}

// percentagePoints writes a difference between two percentages.
func percentagePoints(n float64) string {
	if text := fmt.Sprintf("%.4g", n); text != "1" {
		return text + " percentage points"
	}
	return "1 percentage point"
}

// resourceName writes the name of a resource in prose.
func resourceName(name corev1.ResourceName) string {
	if name == corev1.ResourceCPU {
		return "CPU"
	}
	return string(name)
}

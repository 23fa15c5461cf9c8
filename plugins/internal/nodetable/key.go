package nodetable

import (
	"encoding/binary"
	"slices"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// statics numbers the properties of nodes that do not change with pods: taints, labels and
// declared features. It also numbers extended resources.
type statics struct {
	numbers   map[string]uint32
	resources map[corev1.ResourceName]uint32
	scalars   []scalar // for reuse
}

// scalar is an amount of an extended resource.
type scalar struct {
	number uint32
	amount int64
}

func newStatics() statics {
	return statics{numbers: map[string]uint32{}, resources: map[corev1.ResourceName]uint32{}}
}

// of returns the number of the node's properties that do not depend on pods.
func (s *statics) of(object *corev1.Node, info fwk.NodeInfo, labels []string) uint32 {
	var key []byte
	for _, name := range labels {
		if value, has := object.Labels[name]; has {
			key = appendText(append(key, 1), value)
		} else {
			key = append(key, 0)
		}
	}
	if _, has := object.Labels[corev1.LabelHostname]; has {
		key = append(key, 1)
	}
	key = append(key, 2)
	for _, taint := range object.Spec.Taints {
		key = appendText(appendText(appendText(key, taint.Key), taint.Value), string(taint.Effect))
	}
	if object.Spec.Unschedulable {
		key = append(key, 3)
	}
	key = appendText(key, info.GetNodeDeclaredFeatures().String())
	number, known := s.numbers[string(key)]
	if !known {
		number = uint32(len(s.numbers))
		s.numbers[string(key)] = number
	}
	return number
}

// appendText appends the text and a terminator. Names, labels and taints contain no byte 0.
func appendText(key []byte, text string) []byte {
	return append(append(key, text...), 0)
}

// appendKey appends the key of the node's state, given the static number.
func (s *statics) appendKey(key []byte, static uint32, info fwk.NodeInfo, empty bool) []byte {
	key = binary.LittleEndian.AppendUint32(key, static)
	key = s.appendResource(key, info.GetAllocatable())
	key = binary.AppendVarint(key, int64(info.GetAllocatable().GetAllowedPodNumber()))
	key = s.appendResource(key, info.GetRequested())
	nonZero := info.GetNonZeroRequested()
	key = binary.AppendVarint(key, nonZero.GetMilliCPU())
	key = binary.AppendVarint(key, nonZero.GetMemory())
	pods := int64(len(info.GetPods())) << 1
	if empty {
		pods++
	}
	return binary.AppendVarint(key, pods)
}

func (s *statics) appendResource(key []byte, r fwk.Resource) []byte {
	key = binary.AppendVarint(key, r.GetMilliCPU())
	key = binary.AppendVarint(key, r.GetMemory())
	key = binary.AppendVarint(key, r.GetEphemeralStorage())
	s.scalars = s.scalars[:0]
	for name, amount := range r.GetScalarResources() {
		if amount == 0 {
			continue // as if it were not there
		}
		number, known := s.resources[name]
		if !known {
			number = uint32(len(s.resources))
			s.resources[name] = number
		}
		s.scalars = append(s.scalars, scalar{number, amount})
	}
	slices.SortFunc(s.scalars, func(a, b scalar) int { return int(a.number) - int(b.number) })
	key = binary.AppendVarint(key, int64(len(s.scalars)))
	for _, one := range s.scalars {
		key = binary.AppendVarint(binary.AppendVarint(key, int64(one.number)), one.amount)
	}
	return key
}

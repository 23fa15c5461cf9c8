package sharednodes

import (
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/events"
	fwk "k8s.io/kube-scheduler/framework"
)

// handle is as much of a scheduler's as refusals take.
type handle struct {
	fwk.Handle
	client   kubernetes.Interface
	recorder events.EventRecorderLogger
}

func (h handle) ClientSet() kubernetes.Interface           { return h.client }
func (h handle) EventRecorder() events.EventRecorderLogger { return h.recorder }
func (h handle) ProfileName() string                       { return "stowage" }

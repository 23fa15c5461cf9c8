package webhook

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/klog/v2"
)

var podKind = corev1.SchemeGroupVersion.WithKind("Pod")

// maxReview limits the size of a request: the API server accepts objects of up to 3 MiB.
const maxReview = 8 << 20

// ServeHTTP responds to the API server with the policy's changes of the pod. It never denies
// a request.
func (p *Policy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxReview)).Decode(&review); err != nil {
		http.Error(w, fmt.Sprintf("reading the AdmissionReview: %v", err), http.StatusBadRequest)
		return
	}
	request := review.Request
	if request == nil || request.Kind != metav1.GroupVersionKind(podKind) || review.GroupVersionKind() != admissionv1.SchemeGroupVersion.WithKind("AdmissionReview") {
		http.Error(w, "must be an AdmissionReview of admission.k8s.io/v1 with a request for a v1 Pod", http.StatusBadRequest)
		return
	}
	pod := &corev1.Pod{}
	if err := json.Unmarshal(request.Object.Raw, pod); err != nil {
		http.Error(w, fmt.Sprintf("reading the pod: %v", err), http.StatusBadRequest)
		return
	}
	pod.SetGroupVersionKind(podKind)
	response, err := p.respond(r, request, pod)
	if err != nil {
		// As with the policy, the pod is admitted: the scheduler still enforces the limit.
		klog.FromContext(r.Context()).Error(err, "Failed to evaluate the policy, so the pod is created unchanged", "policy", p.name, "namespace", request.Namespace, "pod", request.Name+pod.GenerateName)
		response.Warnings = []string{fmt.Sprintf("Stowage failed to evaluate policy %s, so autoscalers may not see the pod's limit on preemptible nodes: see the log of the webhook", p.name)}
	}
	review.Request, review.Response = nil, response
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(review); err != nil {
		klog.FromContext(r.Context()).V(2).Info("The API server did not read a response", "err", err)
	}
}

func (p *Policy) respond(r *http.Request, request *admissionv1.AdmissionRequest, pod *corev1.Pod) (*admissionv1.AdmissionResponse, error) {
	response := &admissionv1.AdmissionResponse{UID: request.UID, Allowed: true}
	changed, failed := p.Mutate(r.Context(), request, pod)
	if changed == nil {
		return response, failed
	}
	operations, err := patchOf(pod, changed)
	if err != nil {
		return response, err
	}
	if len(operations) > 0 {
		jsonPatch := admissionv1.PatchTypeJSONPatch
		response.PatchType = &jsonPatch
		if response.Patch, err = json.Marshal(operations); err != nil {
			return response, err
		}
	}
	return response, failed
}

// patchOf returns the JSON patch from one pod to the other. It only contains differences, so
// that fields that this version does not know are kept.
func patchOf(was, is *corev1.Pod) ([]map[string]any, error) {
	before, err := runtime.DefaultUnstructuredConverter.ToUnstructured(was)
	if err != nil {
		return nil, err
	}
	after, err := runtime.DefaultUnstructuredConverter.ToUnstructured(is)
	if err != nil {
		return nil, err
	}
	return difference("", before, after), nil
}

// escape escapes a key for a JSON pointer.
var escape = strings.NewReplacer("~", "~0", "/", "~1")

// difference compares maps key by key, and other values as a whole.
func difference(path string, was, is map[string]any) []map[string]any {
	var operations []map[string]any
	for _, key := range slices.Sorted(maps.Keys(is)) {
		at := path + "/" + escape.Replace(key)
		before, wasMap := was[key].(map[string]any)
		after, isMap := is[key].(map[string]any)
		switch {
		case wasMap && isMap:
			operations = append(operations, difference(at, before, after)...)
		case !reflect.DeepEqual(was[key], is[key]):
			operations = append(operations, map[string]any{"op": "add", "path": at, "value": is[key]}) // or replace
		}
	}
	for _, key := range slices.Sorted(maps.Keys(was)) {
		if _, stays := is[key]; !stays {
			operations = append(operations, map[string]any{"op": "remove", "path": path + "/" + escape.Replace(key)})
		}
	}
	return operations
}

package clustertest

import (
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TrimmedFields are those that trimming takes, by the type that has them.
var TrimmedFields = map[string][]string{
	"PodSpec": {
		"EphemeralContainers", "DNSPolicy", "ServiceAccountName", "DeprecatedServiceAccount", "AutomountServiceAccountToken", "HostPID", "HostIPC",
		"ShareProcessNamespace", "SecurityContext", "ImagePullSecrets", "Hostname", "Subdomain", "HostAliases", "DNSConfig", "EnableServiceLinks",
		"SetHostnameAsFQDN", "HostnameOverride", "EvictionResponders",
	},
	"Container": {
		"Command", "Args", "WorkingDir", "EnvFrom", "Env", "VolumeDevices", "LivenessProbe", "ReadinessProbe", "StartupProbe", "Lifecycle",
		"TerminationMessagePath", "TerminationMessagePolicy", "ImagePullPolicy", "SecurityContext", "Stdin", "StdinOnce", "TTY",
	},
	"VolumeMount":              {"Name", "ReadOnly", "RecursiveReadOnly", "MountPath", "SubPath", "MountPropagation", "SubPathExpr"},
	"VolumeSource":             {"Secret", "ConfigMap", "DownwardAPI", "Projected"},
	"CSIVolumeSource":          {"ReadOnly", "FSType", "VolumeAttributes", "NodePublishSecretRef"},
	"FlexVolumeSource":         {"FSType", "SecretRef", "ReadOnly", "Options"},
	"PodStatus":                {"HostIP", "HostIPs", "PodIP", "PodIPs", "VolumeHealth"},
	"ContainerStatus":          {"Image", "ImageID", "ContainerID", "VolumeMounts", "User", "AllocatedResourcesStatus", "StopSignal"},
	"ContainerStateTerminated": {"Message", "ContainerID"},
	"ContainerStateWaiting":    {"Message"},
	"NodeStatus":               {"Addresses", "DaemonEndpoints", "VolumesInUse", "VolumesAttached", "Config"},
	"NodeSystemInfo": {
		"MachineID", "SystemUUID", "BootID", "KernelVersion", "OSImage", "ContainerRuntimeVersion", "KubeProxyVersion", "OperatingSystem", "Architecture", "Swap",
		"RunningInUserNamespace",
	},
}

// Fill sets every field to something, down to some depth.
func Fill(v reflect.Value, depth int) {
	if depth == 0 || !v.CanSet() {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		Fill(v.Elem(), depth-1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		Fill(v.Index(0), depth-1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[metav1.Time]() {
			v.Set(reflect.ValueOf(metav1.Unix(1, 0)))
			return
		}
		for i := range v.NumField() {
			// One source of a volume is enough: those of secrets are left out.
			if v.Type() != reflect.TypeFor[corev1.VolumeSource]() || v.Type().Field(i).Name == "HostPath" {
				Fill(v.Field(i), depth-1)
			}
		}
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	}
}

// FillTrimmed sets what trimming takes of a pod or a node, where nothing is set: as users, the API
// server and kubelets do.
func FillTrimmed(object metav1.Object) {
	object.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "x"}})
	if pod, is := object.(*corev1.Pod); is && !slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Secret != nil }) {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "secret", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "x"}}})
	}
	fillTrimmed(reflect.ValueOf(object))
}

func fillTrimmed(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fillTrimmed(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			fillTrimmed(v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[corev1.VolumeSource]() {
			return // a volume has one source
		}
		trimmed := TrimmedFields[v.Type().Name()]
		for i := range v.NumField() {
			switch field := v.Field(i); {
			case !field.CanSet():
			case !slices.Contains(trimmed, v.Type().Field(i).Name):
				fillTrimmed(field)
			case field.IsZero():
				Fill(field, 3)
			}
		}
	}
}

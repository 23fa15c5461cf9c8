package schedule

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	// plainKey and packedKey are where in the ConfigMap the state is: as JSON, or compressed by gzip where
	// that would be longer than maxPlain.
	plainKey  = "schedule.json"
	packedKey = "schedule.json.gz"
	maxPlain  = 256 << 10
	// maxPacked leaves some room of the 1 MiB that a ConfigMap may have.
	maxPacked = 900 << 10
	// maxState bounds what a compressed state unpacks to.
	maxState = 64 << 20
)

// ErrOvertaken says that somebody else has written the state since it was read. Whoever gets it
// does not know what has been done any more, and must not kill.
var ErrOvertaken = errors.New("somebody else has changed it: does another schedule use the same ConfigMap?")

// Store keeps the state in a ConfigMap. It takes the rights to get, create and update it.
type Store struct {
	client          kubernetes.Interface
	namespace, name string
	configMap       *corev1.ConfigMap // as it was read or written last; nil where there is none
}

// NewStore returns a store on the ConfigMap of that name, which need not be there yet.
func NewStore(client kubernetes.Interface, namespace, name string) *Store {
	return &Store{client: client, namespace: namespace, name: name}
}

func (s *Store) String() string { return fmt.Sprintf("ConfigMap %s/%s", s.namespace, s.name) }

// Load reads the state; the zero value if there is none. An invalid state is an error, because
// starting again would repeat what was done today.
func (s *Store) Load(ctx context.Context) (State, error) {
	configMap, err := s.client.CoreV1().ConfigMaps(s.namespace).Get(ctx, s.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		s.configMap = nil
		return State{}, nil
	}
	if err != nil {
		return State{}, s.explain("get", err)
	}
	s.configMap = configMap
	if len(configMap.Data)+len(configMap.BinaryData) == 0 {
		return State{}, nil
	}
	data, err := unpack(configMap)
	if err != nil {
		return State{}, fmt.Errorf("%s: %w", s, err)
	}
	state, err := parse(data)
	if err != nil {
		return State{}, fmt.Errorf("%s: %w; to reset today's schedule and the times of the last kills, delete it: kubectl -n %s delete configmap %s", s, err, s.namespace, s.name)
	}
	return state, nil
}

func unpack(configMap *corev1.ConfigMap) ([]byte, error) {
	plain, isPlain := configMap.Data[plainKey]
	packed, isPacked := configMap.BinaryData[packedKey]
	switch {
	case isPlain && isPacked:
		return nil, fmt.Errorf("has both %s and %s", plainKey, packedKey)
	case isPlain:
		return []byte(plain), nil
	case isPacked:
		reader, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", packedKey, err)
		}
		data, err := io.ReadAll(io.LimitReader(reader, maxState))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", packedKey, err)
		}
		return data, nil
	}
	keys := slices.Concat(slices.Sorted(maps.Keys(configMap.Data)), slices.Sorted(maps.Keys(configMap.BinaryData)))
	return nil, fmt.Errorf("has no %s, but %s: it is not the state of a schedule, use another name", plainKey, strings.Join(keys, ", "))
}

func parse(data []byte) (State, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var state State
	if err := decoder.Decode(&state); err != nil {
		return State{}, fmt.Errorf("the state is invalid: %w", err)
	}
	if decoder.More() {
		return State{}, errors.New("the state is invalid: unexpected data after it")
	}
	if err := state.check(); err != nil {
		return State{}, fmt.Errorf("the state is invalid: %w", err)
	}
	return state, nil
}

// Save writes the state over the one that was read or written last. Where somebody else has
// written since, it is ErrOvertaken, and nothing is written.
func (s *Store) Save(ctx context.Context, state State) error {
	next, err := s.filled(state)
	if err != nil {
		return err
	}
	client := s.client.CoreV1().ConfigMaps(s.namespace)
	verb := "update"
	if s.configMap == nil {
		verb = "create"
		next, err = client.Create(ctx, next, metav1.CreateOptions{})
	} else {
		next, err = client.Update(ctx, next, metav1.UpdateOptions{})
	}
	if err != nil {
		return s.explain(verb, err)
	}
	s.configMap = next
	return nil
}

// filled returns the ConfigMap with the state in it.
func (s *Store) filled(state State) (*corev1.ConfigMap, error) {
	data, err := json.Marshal(state)
	if err != nil {
		return nil, err
	}
	configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: s.name}}
	if s.configMap != nil {
		configMap = s.configMap.DeepCopy()
	}
	if len(data) <= maxPlain {
		configMap.Data, configMap.BinaryData = map[string]string{plainKey: string(data)}, nil
		return configMap, nil
	}
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, err = writer.Write(data)
	if err := errors.Join(err, writer.Close()); err != nil {
		return nil, err
	}
	if packed.Len() > maxPacked {
		return nil, fmt.Errorf("%d kills in a day are too many for %s: increase the time between kills, or limit the namespaces", len(state.Plan.Kills), s)
	}
	configMap.Data, configMap.BinaryData = nil, map[string][]byte{packedKey: packed.Bytes()}
	return configMap, nil
}

func (s *Store) explain(verb string, err error) error {
	switch {
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err) && s.configMap != nil:
		return fmt.Errorf("%s: %w (%w)", s, ErrOvertaken, err)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("no permission to %s %s, which stores the schedule: the ServiceAccount requires a Role with the verbs get, create and update on configmaps in namespace %s: %w", verb, s, s.namespace, err)
	}
	return fmt.Errorf("cannot %s %s, which stores the schedule: %w", verb, s, err)
}

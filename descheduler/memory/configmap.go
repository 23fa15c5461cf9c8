package memory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

const (
	// key is the ConfigMap's key with the document.
	key = "moves.yaml"
	// attempts is how often Save tries if others write, too.
	attempts = 5
)

// Load reads the memory from a ConfigMap, which need not exist yet. With a cooldown of 0 it
// makes no request, and nothing is stored. It requires permission to get the ConfigMap. A
// ConfigMap that cannot be read is an error, because ignoring it would move workloads during
// their cooldown.
func Load(ctx context.Context, client kubernetes.Interface, namespace, name string, cooldown time.Duration) (*Memory, error) {
	m := New(cooldown)
	if m.cooldown == 0 {
		return m, nil
	}
	m.client, m.namespace, m.name = client, namespace, name
	if err := m.read(ctx); err != nil {
		return nil, err
	}
	m.entries = maps.Clone(m.stored)
	return m, nil
}

// Save writes the memory to its ConfigMap, without cooldowns that are over. It keeps what others
// have written since: the last move of each workload counts. It makes no request if nothing has
// changed, or if the memory has no ConfigMap. It drops the oldest entries beyond 2,000 entries or
// 256 KiB. It requires permission to get, create and update the ConfigMap. After an error it may
// be called again.
func (m *Memory) Save(ctx context.Context, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var err error
	for range attempts {
		var dropped int
		m.entries, dropped = bound(prune(m.entries, m.cooldown, now))
		if dropped > 0 {
			klog.FromContext(ctx).Info("Too many workloads were moved recently to store all cooldowns: the oldest are dropped", "dropped", dropped, "kept", len(m.entries))
		}
		if m.client == nil || maps.Equal(m.entries, m.stored) {
			return nil
		}
		if err = m.write(ctx, render(m.entries, dropped)); err == nil {
			m.stored = maps.Clone(m.entries)
			return nil
		}
		if !m.overtaken(err) {
			return err
		}
		if err := m.read(ctx); err != nil {
			return err
		}
		m.entries = merge(m.entries, m.stored)
	}
	return fmt.Errorf("gave up after %d conflicting writes (does another descheduler use the same ConfigMap?): %w", attempts, err)
}

// Prepare writes the memory if the ConfigMap does not exist or is empty, so that an error
// occurs before anything is moved.
func (m *Memory) Prepare(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.client == nil || m.configMap != nil && m.configMap.Data[key] != "" {
		return nil
	}
	err := m.write(ctx, render(m.entries, 0))
	if err != nil && m.overtaken(err) {
		return m.read(ctx)
	}
	return err
}

// overtaken says whether somebody has created, changed or deleted the ConfigMap meanwhile. A
// NotFound on creation is about the namespace.
func (m *Memory) overtaken(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err) && m.configMap != nil
}

func (m *Memory) read(ctx context.Context) error {
	configMap, err := m.client.CoreV1().ConfigMaps(m.namespace).Get(ctx, m.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		m.configMap, m.stored = nil, entries{}
		return nil
	}
	if err != nil {
		return m.explain("get", err)
	}
	m.configMap = configMap
	data, known := configMap.Data[key]
	if !known {
		m.stored = entries{}
		if others := slices.Sorted(maps.Keys(configMap.Data)); len(others) > 0 {
			return fmt.Errorf("%s has no key %s, but %s, so it does not store cooldowns: set --cooldown-config-map to another name", m, key, strings.Join(others, ", "))
		}
		return nil
	}
	m.stored, err = parse(data)
	if err != nil {
		return fmt.Errorf("%s, key %s: %w; to end all cooldowns, delete it: kubectl -n %s delete configmap %s", m, key, err, m.namespace, m.name)
	}
	return nil
}

// write keeps everything else in the ConfigMap.
func (m *Memory) write(ctx context.Context, data string) error {
	client := m.client.CoreV1().ConfigMaps(m.namespace)
	if m.configMap == nil {
		created, err := client.Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: m.namespace, Name: m.name},
			Data:       map[string]string{key: data},
		}, metav1.CreateOptions{})
		if err != nil {
			return m.explain("create", err)
		}
		m.configMap = created
		return nil
	}
	if m.configMap.Data == nil {
		m.configMap.Data = map[string]string{}
	}
	m.configMap.Data[key] = data
	updated, err := client.Update(ctx, m.configMap, metav1.UpdateOptions{})
	if err != nil {
		return m.explain("update", err)
	}
	m.configMap = updated
	return nil
}

func (m *Memory) explain(verb string, err error) error {
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("no permission to %s %s, which stores cooldowns: grant the descheduler's ServiceAccount the verb %s on configmaps in namespace %s, or set --cooldown=0: %w",
			verb, m, verb, m.namespace, err)
	}
	return fmt.Errorf("cannot %s %s, which stores cooldowns: %w", verb, m, err)
}

func (m *Memory) String() string { return fmt.Sprintf("ConfigMap %s/%s", m.namespace, m.name) }

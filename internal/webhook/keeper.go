package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"sync"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	admissionlisters "k8s.io/client-go/listers/admissionregistration/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
)

const (
	// settling is the time until a renewed certificate is served after its CA is trusted,
	// because API servers receive that through a watch.
	settling = 30 * time.Second
	// retryPeriod is the time until a retry after an error.
	retryPeriod = 5 * time.Second
	// never is the time until an event that does not happen.
	never = time.Duration(math.MaxInt64)
)

// Keeper maintains a certificate in a Secret, which all replicas serve, and the CAs in the
// webhook's configuration. Each replica does so: if several renew it at once, the API server
// accepts one of them.
type Keeper struct {
	client          kubernetes.Interface
	namespace, name string
	clock           clock.Clock
	informers       informers.SharedInformerFactory
	secrets         corelisters.SecretLister
	configurations  admissionlisters.MutatingWebhookConfigurationLister
	synced          []cache.InformerSynced
	changed         chan struct{}
	ready           chan struct{}

	mu        sync.Mutex
	served    map[string][]byte
	next      map[string][]byte
	nextSince time.Time
	listeners []dynamiccertificates.Listener
}

var _ dynamiccertificates.CertKeyContentProvider = &Keeper{}

// NewKeeper returns a keeper for the Secret in the namespace and the
// MutatingWebhookConfiguration, both with that name.
func NewKeeper(client kubernetes.Interface, namespace, name string, clock clock.Clock) (*Keeper, error) {
	only := fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.FieldSelector = only }))
	secrets, configurations := factory.Core().V1().Secrets(), factory.Admissionregistration().V1().MutatingWebhookConfigurations()
	k := &Keeper{
		client: client, namespace: namespace, name: name, clock: clock, informers: factory,
		secrets: secrets.Lister(), configurations: configurations.Lister(),
		changed: make(chan struct{}, 1), ready: make(chan struct{}),
	}
	for _, informer := range []cache.SharedIndexInformer{secrets.Informer(), configurations.Informer()} {
		registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: func(any) { k.wake() }, UpdateFunc: func(_, _ any) { k.wake() }, DeleteFunc: func(any) { k.wake() },
		})
		if err != nil {
			return nil, err
		}
		k.synced = append(k.synced, registration.HasSynced)
	}
	return k, nil
}

func (k *Keeper) wake() {
	select {
	case k.changed <- struct{}{}:
	default:
	}
}

// Run maintains the certificate until the context ends.
func (k *Keeper) Run(ctx context.Context) {
	k.informers.StartWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), k.synced...) {
		return
	}
	for {
		again, err := k.sync(ctx)
		if err != nil {
			again = retryPeriod
			if !apierrors.IsConflict(err) { // another replica was faster
				klog.FromContext(ctx).Error(err, "Failed to update the certificate of the webhook")
			}
		}
		timer := k.clock.NewTimer(again)
		select {
		case <-ctx.Done():
		case <-k.changed:
		case <-timer.C():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// sync does what is necessary now, and returns the time until the next call.
func (k *Keeper) sync(ctx context.Context) (time.Duration, error) {
	configuration, err := k.configurations.Get(k.name)
	if err != nil {
		return 0, fmt.Errorf("%w: apply config/scheduler/autoscaler/webhook", err)
	}
	host, err := hostOf(configuration)
	if err != nil {
		return 0, err
	}
	secret, err := k.secrets.Secrets(k.namespace).Get(k.name)
	if err != nil {
		return 0, fmt.Errorf("%w: apply config/scheduler/autoscaler/webhook", err)
	}
	now := k.clock.Now()
	until, bad := check(secret.Data, host, now)
	if bad != nil {
		klog.FromContext(ctx).Info("Creating a certificate", "host", host, "secret", klog.KObj(secret), "because", bad.Error())
		if secret, err = k.replace(ctx, secret, host); err != nil {
			return 0, err
		}
		if until, err = check(secret.Data, host, now); err != nil {
			return 0, err
		}
	}
	if err := k.trust(ctx, configuration, secret.Data[caKey]); err != nil {
		return 0, err
	}
	return min(k.adopt(ctx, secret.Data, host, now), until.Sub(now)), nil
}

// replace writes a new certificate to the Secret, or returns the one that another replica has
// written.
func (k *Keeper) replace(ctx context.Context, secret *corev1.Secret, host string) (*corev1.Secret, error) {
	data, err := renew(secret.Data, host)
	if err != nil {
		return nil, err
	}
	renewed := secret.DeepCopy()
	renewed.Data = data
	written, err := k.client.CoreV1().Secrets(k.namespace).Update(ctx, renewed, metav1.UpdateOptions{})
	if apierrors.IsConflict(err) {
		return k.client.CoreV1().Secrets(k.namespace).Get(ctx, k.name, metav1.GetOptions{})
	}
	return written, err
}

// trust makes the configuration trust exactly these CAs.
func (k *Keeper) trust(ctx context.Context, configuration *admissionregistrationv1.MutatingWebhookConfiguration, bundle []byte) error {
	changed := configuration.DeepCopy()
	differs := false
	for i := range changed.Webhooks {
		given := &changed.Webhooks[i].ClientConfig.CABundle
		differs = differs || !bytes.Equal(*given, bundle)
		*given = bundle
	}
	if !differs {
		return nil
	}
	_, err := k.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Update(ctx, changed, metav1.UpdateOptions{})
	return err
}

// adopt serves the certificate in the Secret, once all API servers trust it, and returns the
// time until then.
func (k *Keeper) adopt(ctx context.Context, data map[string][]byte, host string, now time.Time) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if bytes.Equal(k.served[certKey], data[certKey]) {
		return never
	}
	if !bytes.Equal(k.next[certKey], data[certKey]) {
		k.next, k.nextSince = data, now
	}
	if left := k.nextSince.Add(settling).Sub(now); left > 0 {
		if _, err := verify(k.served, data[caKey], host, now); err == nil {
			return left
		}
	}
	first := k.served == nil
	k.served = data
	for _, listener := range k.listeners {
		listener.Enqueue()
	}
	if first {
		close(k.ready)
	}
	klog.FromContext(ctx).Info("Serving a certificate", "renewed", !first)
	return never
}

// hostOf returns the host name by which API servers connect to the webhook.
func hostOf(configuration *admissionregistrationv1.MutatingWebhookConfiguration) (string, error) {
	host := ""
	for _, webhook := range configuration.Webhooks {
		other := ""
		if service := webhook.ClientConfig.Service; service != nil {
			other = service.Name + "." + service.Namespace + ".svc"
		} else if u, err := url.Parse(ptr.Deref(webhook.ClientConfig.URL, "")); err == nil {
			other = u.Hostname()
		}
		if host != "" && other != host {
			return "", fmt.Errorf("MutatingWebhookConfiguration %s: webhooks[].clientConfig: must have the same host in all webhooks, not %s and %s", configuration.Name, host, other)
		}
		host = other
	}
	if host == "" {
		return "", errors.New("MutatingWebhookConfiguration " + configuration.Name + ": webhooks: must not be empty")
	}
	return host, nil
}

// Ready returns a channel that is closed when a trusted certificate is being served.
func (k *Keeper) Ready() <-chan struct{} { return k.ready }

// Name implements dynamiccertificates.CertKeyContentProvider.
func (k *Keeper) Name() string { return "Secret " + k.namespace + "/" + k.name }

// CurrentCertKeyContent implements dynamiccertificates.CertKeyContentProvider.
func (k *Keeper) CurrentCertKeyContent() (certificate, key []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.served[certKey], k.served[keyKey]
}

// AddListener implements dynamiccertificates.CertKeyContentProvider.
func (k *Keeper) AddListener(listener dynamiccertificates.Listener) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.listeners = append(k.listeners, listener)
}

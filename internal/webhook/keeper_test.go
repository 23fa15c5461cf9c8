package webhook

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/cert"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
)

const (
	namespace = "stowage-system"
	name      = "stowage-limits"
	host      = name + "." + namespace + ".svc"
)

// kept is a keeper that is told when to look, and the cluster that it works on.
type kept struct {
	*testing.T
	*Keeper
	client *fake.Clientset
	clock  *clocktesting.FakeClock
}

func newKept(t *testing.T, data map[string][]byte) *kept {
	t.Helper()
	service := admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: namespace, Name: name}}
	client := fake.NewClientset(
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data},
		&admissionregistrationv1.MutatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Webhooks:   []admissionregistrationv1.MutatingWebhook{{Name: "a.stowage.dev", ClientConfig: service}, {Name: "b.stowage.dev", ClientConfig: service}},
		})
	k := &kept{T: t, client: client, clock: clocktesting.NewFakeClock(time.Now())}
	var err error
	if k.Keeper, err = NewKeeper(client, namespace, name, k.clock); err != nil {
		t.Fatal(err)
	}
	k.informers.StartWithContext(t.Context())
	if !cache.WaitForCacheSync(t.Context().Done(), k.synced...) {
		t.Fatal("nothing was read")
	}
	return k
}

// look has the keeper look once its informers have what the cluster has.
func (k *kept) look() time.Duration {
	k.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		known, err := k.secrets.Secrets(namespace).Get(name)
		configuration, err2 := k.configurations.Get(name)
		if err := errors.Join(err, err2); err != nil {
			k.Fatal(err)
		}
		if bytes.Equal(known.Data[certKey], k.secret()[certKey]) && bytes.Equal(configuration.Webhooks[0].ClientConfig.CABundle, k.bundle()) {
			break
		}
		if time.Now().After(deadline) {
			k.Fatal("the informers hear nothing")
		}
	}
	again, err := k.sync(k.Context())
	if err != nil {
		k.Fatal(err)
	}
	return again
}

func (k *kept) secret() map[string][]byte {
	k.Helper()
	secret, err := k.client.CoreV1().Secrets(namespace).Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		k.Fatal(err)
	}
	return secret.Data
}

func (k *kept) bundle() []byte {
	k.Helper()
	configuration, err := k.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		k.Fatal(err)
	}
	if !bytes.Equal(configuration.Webhooks[0].ClientConfig.CABundle, configuration.Webhooks[1].ClientConfig.CABundle) {
		k.Error("the webhooks trust different CAs")
	}
	return configuration.Webhooks[0].ClientConfig.CABundle
}

// serves says what is served, which has to be trusted.
func (k *kept) serves(want map[string][]byte) {
	k.Helper()
	certificate, key := k.CurrentCertKeyContent()
	if !bytes.Equal(certificate, want[certKey]) || !bytes.Equal(key, want[keyKey]) {
		k.Error("another certificate is served")
	}
	if _, err := verify(want, k.bundle(), host, k.clock.Now()); err != nil {
		k.Errorf("what is served is not trusted: %v", err)
	}
}

// brief returns what a Secret holds whose certificate is good for two hours, one of which is over.
func brief(t *testing.T, forHost string) map[string][]byte {
	t.Helper()
	certificate, key, err := cert.GenerateSelfSignedCertKeyWithOptions(cert.SelfSignedCertKeyOptions{Host: forHost, MaxAge: 2 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ca, err := authority(certificate)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{certKey: certificate, keyKey: key, caKey: ca}
}

func TestAFirstCertificateIsMade(t *testing.T) {
	k := newKept(t, nil)
	again := k.look()
	k.serves(k.secret())
	select {
	case <-k.Ready():
	default:
		t.Error("it is not ready")
	}
	if year := 365 * 24 * time.Hour; again < year*3/5 || again > year*2/3 {
		t.Errorf("it is renewed in %s", again)
	}
	k.look()
	writes := 0
	for _, action := range k.client.Actions() {
		if action.GetVerb() == "update" {
			writes++
		}
	}
	if writes != 2 {
		t.Errorf("there were %d writes, want one of the Secret and one of the configuration", writes)
	}
}

func TestACertificateIsRenewedInTime(t *testing.T) {
	first := brief(t, host)
	k := newKept(t, first)
	again := k.look()
	k.serves(first)
	if again < 19*time.Minute || again > 20*time.Minute {
		t.Errorf("it is renewed in %s, not when two thirds of two hours are over", again)
	}
	k.clock.Step(again)
	again = k.look()
	second := k.secret()
	if bytes.Equal(second[certKey], first[certKey]) {
		t.Fatal("it is not renewed")
	}
	k.serves(first) // API servers may not know of the other CA yet
	if again != settling {
		t.Errorf("it looks again in %s, want %s", again, settling)
	}
	k.clock.Step(settling / 2)
	k.look()
	k.serves(first)
	k.clock.Step(settling / 2)
	k.look()
	k.serves(second)
}

func TestWhatIsNotTrustedIsReplacedAtOnce(t *testing.T) {
	for name, data := range map[string]map[string][]byte{
		"the Secret was emptied":              nil,
		"the certificate is for another host": brief(t, "other.example.com"),
		"it is garbage":                       {certKey: []byte("x"), keyKey: []byte("y"), caKey: []byte("z")},
		"its CA is gone":                      {certKey: brief(t, host)[certKey], keyKey: brief(t, host)[keyKey]},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKept(t, brief(t, host))
			k.look()
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "stowage-limits"}, Data: data}
			if _, err := k.client.CoreV1().Secrets(namespace).Update(t.Context(), secret, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			k.look()
			k.serves(k.secret())
		})
	}
}

func TestOfTwoReplicasOneRenews(t *testing.T) {
	k := newKept(t, nil)
	other := brief(t, host)
	k.client.PrependReactor("update", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		theirs := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: other}
		if err := k.client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("secrets"), theirs, namespace); err != nil {
			t.Error(err)
		}
		return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, name, errors.New("it was changed"))
	})
	k.look()
	k.serves(other)
}

func TestATrustThatIsTakenAwayIsGivenAgain(t *testing.T) {
	k := newKept(t, nil)
	k.look()
	configurations := k.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	configuration, err := configurations.Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	configuration.Webhooks[0].ClientConfig.CABundle, configuration.Webhooks[1].ClientConfig.CABundle = nil, nil
	if _, err := configurations.Update(t.Context(), configuration, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	k.look()
	k.serves(k.secret())
}

func TestTheHostOfAWebhook(t *testing.T) {
	service := func(name string) admissionregistrationv1.MutatingWebhook {
		return admissionregistrationv1.MutatingWebhook{ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: "ns", Name: name}}}
	}
	url := admissionregistrationv1.MutatingWebhook{ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: ptr.To("https://limits.example.com:8443/stowage-limits")}}
	for _, tt := range []struct {
		name      string
		webhooks  []admissionregistrationv1.MutatingWebhook
		host, err string
	}{
		{"a Service", []admissionregistrationv1.MutatingWebhook{service("a"), service("a")}, "a.ns.svc", ""},
		{"a URL", []admissionregistrationv1.MutatingWebhook{url}, "limits.example.com", ""},
		{"two", []admissionregistrationv1.MutatingWebhook{service("a"), url}, "", "MutatingWebhookConfiguration c: webhooks[].clientConfig: must have the same host in all webhooks, not a.ns.svc and limits.example.com"},
		{"none", nil, "", "MutatingWebhookConfiguration c: webhooks: must not be empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := hostOf(&admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "c"}, Webhooks: tt.webhooks})
			if got != tt.host || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
				t.Errorf("%q, error %v; want %q, %q", got, err, tt.host, tt.err)
			}
		})
	}
}

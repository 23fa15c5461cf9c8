package standin

import (
	"fmt"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
)

func TestCheckRights(t *testing.T) {
	for _, tt := range []struct {
		name    string
		allowed func(*authorizationv1.ResourceAttributes) bool
		want    string
	}{
		{"all of them in the whole cluster", func(*authorizationv1.ResourceAttributes) bool { return true }, ""},
		{"all of them in the namespaces", func(a *authorizationv1.ResourceAttributes) bool { return a.Namespace != "" }, ""},
		{
			"in one of the namespaces", func(a *authorizationv1.ResourceAttributes) bool { return a.Namespace == "shop" || a.Verb != "patch" },
			"no permission to move pods by stand-ins in namespace bank: this requires the verb patch on pods",
		},
		{
			"without evictions", func(a *authorizationv1.ResourceAttributes) bool { return a.Subresource == "" },
			"no permission to move pods by stand-ins in namespace shop: this requires the verb create on pods/eviction",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, client, _ := fakeShop()
			client.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
				review := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview).DeepCopy()
				review.Status.Allowed = tt.allowed(review.Spec.ResourceAttributes)
				return true, review, nil
			})
			got := ""
			if err := m.CheckRights(t.Context(), []string{"shop", "bank"}); err != nil {
				got = fmt.Sprint(err)
			}
			if got != tt.want {
				t.Errorf("the error is %q, want %q", got, tt.want)
			}
		})
	}
}

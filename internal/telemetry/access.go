package telemetry

import (
	"net/http"
	"time"

	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/authorization/path"
	"k8s.io/apiserver/pkg/authorization/union"
	"k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/request"
	apiserveroptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
)

const (
	// accessCache is how long a response of the API server is cached, as in kube-scheduler.
	accessCache = 10 * time.Second
	// accessTimeout is how long the API server may take to respond.
	accessTimeout = 10 * time.Second
)

// guarded returns the handler with the authentication and authorization of kube-scheduler: the
// API server reviews the bearer token and the access to the path. Paths that are always allowed
// need no token. Client certificates are ignored, because they would need additional permissions.
func guarded(handler http.Handler, client kubernetes.Interface, alwaysAllow []string) (http.Handler, error) {
	authenticator, _, err := authenticatorfactory.DelegatingAuthenticatorConfig{
		Anonymous:                &apiserver.AnonymousAuthConfig{Enabled: true},
		TokenAccessReviewClient:  client.AuthenticationV1(),
		TokenAccessReviewTimeout: accessTimeout,
		WebhookRetryBackoff:      apiserveroptions.DefaultAuthWebhookRetryBackoff(),
		CacheTTL:                 accessCache,
	}.New()
	if err != nil {
		return nil, err
	}
	paths, err := path.NewAuthorizer(alwaysAllow)
	if err != nil {
		return nil, err
	}
	delegated, err := authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: client.AuthorizationV1(),
		AllowCacheTTL:             accessCache,
		DenyCacheTTL:              accessCache,
		WebhookRetryBackoff:       apiserveroptions.DefaultAuthWebhookRetryBackoff(),
	}.New()
	if err != nil {
		return nil, err
	}
	authorizer, err := union.New(
		union.NamedAuthorizer{AuthorizerName: "always-allow-paths", Authorizer: paths},
		union.NamedAuthorizer{AuthorizerName: "api-server", Authorizer: delegated},
	)
	if err != nil {
		return nil, err
	}
	handler = filters.WithAuthorization(handler, authorizer, scheme.Codecs)
	handler = filters.WithAuthentication(handler, authenticator, filters.Unauthorized(scheme.Codecs), nil, nil)
	return filters.WithRequestInfo(handler, &request.RequestInfoFactory{}), nil
}

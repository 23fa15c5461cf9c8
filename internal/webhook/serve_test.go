package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"

	apiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/util/cert"
)

// TestClientsLeaveBeforeTheServerCloses has a client with an open connection ask while the server ends: it
// is answered, until it wants another connection.
func TestClientsLeaveBeforeTheServerCloses(t *testing.T) {
	t.Parallel()
	certificate, key, err := cert.GenerateSelfSignedCertKey("localhost", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	content, err := dynamiccertificates.NewStaticCertKeyContent("test", certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				info := &apiserver.SecureServingInfo{Listener: listener, Cert: content}
				if err := Serve(ctx, info, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})); err != nil {
					t.Error(err)
				}
			}()
			// The one connection that the client gets.
			var dial sync.Once
			errAnother := errors.New("another connection")
			client := &http.Client{Transport: &http.Transport{
				DialContext: func(ctx context.Context, network, address string) (connection net.Conn, err error) {
					err = errAnother
					dial.Do(func() { connection, err = new(net.Dialer).DialContext(ctx, network, address) })
					return connection, err
				},
				TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
				ForceAttemptHTTP2: version == "HTTP/2.0",
			}}
			ask := func() error {
				response, err := client.Get("https://" + listener.Addr().String())
				if err != nil {
					return err
				}
				if response.Proto != version {
					t.Errorf("got a response by %s", response.Proto)
				}
				return response.Body.Close()
			}
			if err := ask(); err != nil {
				t.Fatal(err)
			}
			leave()
			for err = nil; err == nil; err = ask() {
				select {
				case <-ended:
					t.Fatal("the server has ended, and the client was not told to leave")
				default:
				}
			}
			if !errors.Is(err, errAnother) {
				t.Error(err)
			}
			<-ended
		})
	}
}

package webhook

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	apiserver "k8s.io/apiserver/pkg/server"
)

const (
	// farewell is how long clients are told to use another connection before theirs are closed.
	farewell = 2 * time.Second
	// drain limits how long requests may take after that.
	drain = 5 * time.Second
)

// Serve serves the handler until the context ends and all requests have been answered.
//
// http.Server.Shutdown closes idle HTTP/2 connections without a word, also while a request is on
// its way. The API server does not send such a request again: the pod would not be created. So
// no connection is accepted any more at first, each response tells the API server to leave its
// connection, and only then the server shuts down.
func Serve(ctx context.Context, info *apiserver.SecureServingInfo, handler http.Handler) error {
	stop := make(chan struct{})
	listener := &lastListener{Listener: info.Listener, leaving: ctx.Done(), stop: stop}
	listener.close = sync.OnceValue(listener.Listener.Close)
	info.Listener = listener
	drained, _, err := info.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ctx.Err() != nil {
			w.Header().Set("Connection", "close") // HTTP/2 sends a GOAWAY for it
		}
		handler.ServeHTTP(w, r)
	}), drain, stop)
	if err != nil {
		return err
	}
	<-ctx.Done()
	_ = listener.Close() // it serves no longer, whatever the error
	time.Sleep(farewell)
	close(stop)
	<-drained
	return nil
}

// lastListener can be closed before its server shuts down, which would panic otherwise.
type lastListener struct {
	net.Listener
	leaving, stop <-chan struct{}
	close         func() error
}

func (l *lastListener) Accept() (net.Conn, error) {
	connection, err := l.Listener.Accept()
	if err != nil {
		select {
		case <-l.leaving:
			<-l.stop
		default:
		}
	}
	return connection, err
}

func (l *lastListener) Close() error { return l.close() }

package playgroundtest

import (
	"context"
	"os"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

// Shared is a playground that the tests of a package share. It starts when the first test asks for
// it.
type Shared struct {
	// Pool returns the description of its nodes.
	Pool func() (*pool.Pool, error)
	// Options are the other options.
	Options playground.Options

	once sync.Once
	play *playground.Playground
	err  error
}

// Config returns a configuration for the administrator's clients. The test fails if the playground
// could not be started.
func (s *Shared) Config(t *testing.T) *rest.Config {
	t.Helper()
	s.once.Do(func() {
		if s.Options.Pool, s.err = s.Pool(); s.err == nil {
			s.play, s.err = Start(context.Background(), s.Options)
		}
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	config, err := s.play.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// Main runs the tests of the package, and then stops the playground. It does not return.
func (s *Shared) Main(m *testing.M) {
	code := m.Run()
	if s.play != nil {
		s.play.Stop()
	}
	os.Exit(code)
}

// Nodes returns a function that parses the description of a pool.
func Nodes(description string) func() (*pool.Pool, error) {
	return func() (*pool.Pool, error) { return pool.Parse([]byte(description)) }
}

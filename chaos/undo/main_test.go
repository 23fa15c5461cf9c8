package undo_test

import (
	"context"
	"os"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

// play is the playground of the tests that need one. It starts with the first that asks.
var play *playground.Playground

var startOnce = sync.OnceValues(func() (*rest.Config, error) {
	small, err := pool.Load("../../config/pools/small.yaml")
	if err != nil {
		return nil, err
	}
	if play, err = playgroundtest.Start(context.Background(), playground.Options{Pool: small, NoKubeScheduler: true}); err != nil {
		return nil, err
	}
	return play.RESTConfig()
})

func TestMain(m *testing.M) {
	code := m.Run()
	if play != nil {
		play.Stop()
	}
	os.Exit(code)
}

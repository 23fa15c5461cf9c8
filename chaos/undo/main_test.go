package undo_test

import (
	"testing"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

// shared is the playground that the tests share.
var shared = playgroundtest.Shared{Pool: func() (*pool.Pool, error) { return pool.Load("../../config/pools/small.yaml") }, Options: playground.Options{NoKubeScheduler: true}}

func TestMain(m *testing.M) { shared.Main(m) }

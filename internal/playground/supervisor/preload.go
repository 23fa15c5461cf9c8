package supervisor

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/stowage-k8s/stowage/internal/playground/preload"
)

// preloadBatch is the number of objects per transaction; etcd accepts 128.
const preloadBatch = 100

// preload writes the playground's initial objects to the database. Only etcd runs at that
// time, so that controllers see all of them at once: a ReplicaSet that is seen before its
// pods would create others.
func (s *supervisor) preload(ctx context.Context) error {
	begin := time.Now()
	client, err := clientv3.New(clientv3.Config{Context: ctx, Endpoints: []string{"unix://" + s.etcdSocket()}})
	if err != nil {
		return fmt.Errorf("connecting to etcd: %w", err)
	}
	defer client.Close()
	var batch []clientv3.Op
	done, reported := 0, begin
	put := func() error {
		if _, err := client.Txn(ctx).Then(batch...).Commit(); err != nil {
			return fmt.Errorf("writing objects to the database: %w", err)
		}
		done += len(batch)
		batch = batch[:0]
		if now := time.Now(); now.Sub(reported) > time.Second {
			reported = now
			s.interim(begin, "%d objects in the database", done)
		}
		return nil
	}
	for entry, err := range preload.Read(s.opts.Preload) {
		if err != nil {
			return err
		}
		if batch = append(batch, clientv3.OpPut(string(entry.Key), string(entry.Value))); len(batch) == preloadBatch {
			if err := put(); err != nil {
				return err
			}
		}
	}
	if err := put(); err != nil {
		return err
	}
	s.step(fmt.Sprintf("%d objects in the database", done), begin)
	return nil
}

package startup

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
)

// text is a notice in one line.
func text(n Notice) string {
	line := n.Text
	for i := 0; i < len(n.Details); i += 2 {
		line += fmt.Sprintf(", %v %v", n.Details[i], n.Details[i+1])
	}
	return line
}

func TestReading(t *testing.T) {
	pods, rules := reflect.TypeFor[*corev1.Pod](), reflect.TypeFor[*resourcev1.DeviceTaintRule]()
	type informers = map[reflect.Type]bool
	const notYet = "The scheduler places no pods yet: it is waiting to read these kinds; the log has the errors of the reflector"
	type moment struct {
		at        time.Duration
		informers informers
		says      string
	}
	for _, tt := range []struct {
		name    string
		moments []moment
	}{
		{"a quick start is nothing to talk about", []moment{{0, informers{pods: false}, ""}, {time.Second, informers{pods: true}, "done"}}},
		{"a start that never ends is told of ever more seldom", []moment{
			{0, informers{pods: false, rules: false}, ""},
			{29 * time.Second, informers{pods: false, rules: false}, ""},
			{30 * time.Second, informers{pods: false, rules: false}, notYet + ", for 30s, kinds [pods devicetaintrules.v1.resource.k8s.io]"},
			{31 * time.Second, informers{pods: true, rules: false}, ""},
			{60 * time.Second, informers{pods: true, rules: false}, notYet + ", for 1m0s, kinds [devicetaintrules.v1.resource.k8s.io]"},
			{119 * time.Second, informers{pods: true, rules: false}, ""},
			{120 * time.Second, informers{pods: true, rules: false}, notYet + ", for 2m0s, kinds [devicetaintrules.v1.resource.k8s.io]"},
			{time.Hour, informers{pods: true, rules: false}, notYet + ", for 1h0m0s, kinds [devicetaintrules.v1.resource.k8s.io]"},
			{time.Hour + 10*time.Minute, informers{pods: true, rules: false}, notYet + ", for 1h10m0s, kinds [devicetaintrules.v1.resource.k8s.io]"},
		}},
		{"one that ends after all is told of, too", []moment{
			{0, informers{pods: false}, ""},
			{40 * time.Second, informers{pods: false}, notYet + ", for 40s, kinds [pods]"},
			{45 * time.Second, informers{pods: true}, "The scheduler has now read all kinds, after 45s, done"},
		}},
		{"as long as another replica leads, nothing is read and nothing is said", []moment{
			{0, informers{}, ""}, {time.Hour, informers{}, ""},
			{time.Hour + time.Second, informers{pods: false}, ""}, {time.Hour + 10*time.Second, informers{pods: true}, "done"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r reading
			begin := time.Now()
			for _, m := range tt.moments {
				notice, done := r.look(begin.Add(m.at), m.informers)
				var said []string
				if notice != nil {
					said = append(said, text(*notice))
				}
				if done {
					said = append(said, "done")
				}
				if diff := cmp.Diff(m.says, strings.Join(said, ", ")); diff != "" {
					t.Errorf("after %s (-want +got):\n%s", m.at, diff)
				}
			}
		})
	}
}

// handle is what a plugin is given, as far as it is used here.
type handle struct {
	fwk.Handle
	factory informers.SharedInformerFactory
}

func (h *handle) SharedInformerFactory() informers.SharedInformerFactory { return h.factory }

// TestTellReading has an informer wait for a kind that is refused for some time.
func TestTellReading(t *testing.T) {
	// One of them waits for a moment after the last error, which was by the real clock.
	defer func(handlers []utilruntime.ErrorHandler) { utilruntime.ErrorHandlers = handlers }(utilruntime.ErrorHandlers)
	utilruntime.ErrorHandlers = nil
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		begin := time.Now()
		client.PrependReactor("list", "devicetaintrules", func(clienttesting.Action) (bool, runtime.Object, error) {
			if time.Since(begin) < 100*time.Second {
				return true, nil, errors.New("refused")
			}
			return false, nil, nil
		})
		var mu sync.Mutex
		var said []string
		logger := funcr.New(func(_, line string) {
			mu.Lock()
			defer mu.Unlock()
			if strings.Contains(line, "The scheduler ") {
				said = append(said, line)
			}
		}, funcr.Options{})
		ctx, cancel := context.WithCancel(klog.NewContext(t.Context(), logger))
		factory := informers.NewSharedInformerFactory(client, 0)
		factory.Core().V1().Pods().Informer()
		factory.Resource().V1().DeviceTaintRules().Informer()
		made := 0
		registry := TellReading(frameworkruntime.Registry{"plugin": func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) {
			made++
			return nil, nil
		}})
		for range 2 { // one for each profile
			if _, err := registry["plugin"](ctx, nil, &handle{factory: factory}); err != nil {
				t.Fatal(err)
			}
		}
		factory.StartWithContext(ctx)
		time.Sleep(10 * time.Minute)
		cancel()
		factory.Shutdown()
		want := []string{
			`"level"=0 "msg"="The scheduler places no pods yet: it is waiting to read these kinds; the log has the errors of the reflector" "for"="30s" "kinds"=["devicetaintrules.v1.resource.k8s.io"]`,
			`"level"=0 "msg"="The scheduler places no pods yet: it is waiting to read these kinds; the log has the errors of the reflector" "for"="1m0s" "kinds"=["devicetaintrules.v1.resource.k8s.io"]`,
		}
		mu.Lock()
		defer mu.Unlock()
		if made != 2 || len(said) < 3 { // how long it is said depends on when the informer tries again
			t.Fatalf("%d plugins were made, and said was %q", made, said)
		}
		if diff := cmp.Diff(want, said[:2]); diff != "" {
			t.Errorf("said (-want +got):\n%s", diff)
		}
		if last := said[len(said)-1]; !strings.Contains(last, "The scheduler has now read all kinds") {
			t.Errorf("said at last: %s", last)
		}
	})
}

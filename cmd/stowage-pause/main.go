// Command stowage-pause is what runs on the playground's real nodes: it holds the namespaces
// of a pod, and stands in for workloads that take their time to start, to become ready and
// to end. It needs nothing but itself in an image.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	listen := flag.String("listen", "", "address to serve HTTP on: 200 when it is ready, 503 before")
	readyAfter := flag.Duration("ready-after", 0, "how long it takes from its start until it is ready")
	exitAfter := flag.Duration("exit-after", 0, "how long it runs before it ends by itself (default: until it is told to end)")
	linger := flag.Duration("linger", 0, "how long it takes to end once it is told to")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "stowage-pause: unexpected argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGINT, syscall.SIGTERM)
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)

	begin := time.Now()
	if *listen != "" {
		go func() {
			err := http.ListenAndServe(*listen, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if time.Since(begin) < *readyAfter {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			}))
			fmt.Fprintln(os.Stderr, "stowage-pause:", err)
			os.Exit(1)
		}()
	}
	var end <-chan time.Time
	if *exitAfter > 0 {
		end = time.After(*exitAfter)
	}
	for {
		select {
		case <-told:
			time.Sleep(*linger)
			return
		case <-end:
			return
		case <-children:
			// It is the parent of the pod's processes that have lost theirs.
			for pid := 1; pid > 0; {
				pid, _ = syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			}
		}
	}
}

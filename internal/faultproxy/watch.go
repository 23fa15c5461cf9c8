package faultproxy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"time"
)

// stream passes the events of a watch on, one by one.
func (p *Proxy) stream(w http.ResponseWriter, r *http.Request, response *http.Response, fault Fault) {
	ctx, end := context.WithCancel(r.Context())
	defer end()
	var healed <-chan struct{} // it does not end any other watch
	if fault.Kind == WatchLags {
		p.mu.Lock()
		healed = p.healed
		p.mu.Unlock()
	}
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(response.StatusCode)
	flush := http.NewResponseController(w).Flush
	flush()
	events := make(chan event, 10_000)
	go func() {
		defer close(events)
		in := bufio.NewReaderSize(response.Body, 64<<10)
		for {
			frame, err := readFrame(in, response.Header.Get("Content-Type"))
			if err != nil {
				return
			}
			select {
			case events <- event{time.Now(), frame}:
			case <-ctx.Done():
				return
			}
		}
	}()
	for n := 0; ; n++ {
		var next event
		select {
		case e, more := <-events:
			if !more {
				return
			}
			next = e
		case <-healed:
			return
		case <-ctx.Done():
			return
		}
		switch {
		case fault.Kind == WatchCut && n >= fault.After:
			cut(r)
		case fault.Kind == NoBookmarks && isBookmark(next.frame):
			continue
		case fault.Kind == WatchLags:
			select {
			case <-time.After(time.Until(next.came.Add(fault.For))):
			case <-healed:
				return
			case <-ctx.Done():
				return
			}
		}
		if _, err := w.Write(next.frame); err != nil {
			return
		}
		flush()
	}
}

// event is an event of a watch, as it is written, and when it came.
type event struct {
	came  time.Time
	frame []byte
}

// readFrame reads an event: a line of JSON, or protobuf after its length.
func readFrame(in *bufio.Reader, contentType string) ([]byte, error) {
	if !strings.Contains(contentType, "protobuf") {
		return in.ReadBytes('\n')
	}
	frame := make([]byte, 4)
	if _, err := io.ReadFull(in, frame); err != nil {
		return nil, err
	}
	frame = append(frame, make([]byte, binary.BigEndian.Uint32(frame))...)
	_, err := io.ReadFull(in, frame[4:])
	return frame, err
}

// isBookmark reports whether the event only tells a resource version. The bookmark at the end of
// the initial events is none of these: no API server leaves it out.
func isBookmark(frame []byte) bool {
	return bytes.Contains(frame[:min(len(frame), 64)], []byte("BOOKMARK")) && !bytes.Contains(frame, []byte("k8s.io/initial-events-end"))
}

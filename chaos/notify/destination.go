package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// postTimeout is how long a request may take.
const postTimeout = 5 * time.Second

// destination is somebody who is told.
type destination struct {
	// name is what logs call it: never its URL, which is a secret.
	name string
	url  *url.URL
	// atOnce is how many events one request may tell of.
	atOnce int
	// body returns what is sent.
	body   func([]Event) any
	client *http.Client
	queue  *queue
}

// newWebhook returns a destination that gets each event by itself.
func newWebhook(u *url.URL) *destination {
	return newDestination("webhook", u, 1, func(events []Event) any { return events[0] })
}

// newSlack returns a destination that gets all events that wait in one message, since it
// takes about one a second.
func newSlack(u *url.URL) *destination {
	return newDestination("slack", u, queueLength, func(events []Event) any {
		return map[string]string{"text": slackText(events)}
	})
}

func newDestination(kind string, u *url.URL, atOnce int, body func([]Event) any) *destination {
	return &destination{
		name: kind + " at " + u.Host, url: u, atOnce: atOnce, body: body, queue: newQueue(),
		client: &http.Client{
			Timeout: postTimeout,
			// Whoever it leads to has no business with what is sent.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// post sends events in one request. Its errors do not show the URL.
func (d *destination) post(ctx context.Context, events []Event) error {
	data, err := json.Marshal(d.body(events))
	if err != nil {
		return fmt.Errorf("writing the notification: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url.String(), bytes.NewReader(data))
	if err != nil {
		return errors.New("invalid URL")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "stowage-chaos")
	response, err := d.client.Do(request)
	if wrapped, is := errors.AsType[*url.Error](err); is {
		return wrapped.Err // the wrapping has the URL
	}
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16)) // so that the connection can be used again
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("it responds with %s", response.Status)
	}
	return nil
}

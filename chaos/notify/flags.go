package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/utils/clock"
)

// Flags are the destinations of notifications. Anybody who knows the URLs can post there, so they
// can also be read from files and the environment.
type Flags struct {
	Webhook, WebhookFile string
	Slack, SlackFile     string
}

// The environment variables that stand for flags that are not given.
const (
	WebhookVariable = "STOWAGE_CHAOS_NOTIFY_WEBHOOK"
	SlackVariable   = "STOWAGE_CHAOS_NOTIFY_SLACK"
)

// Add adds the flags.
func (f *Flags) Add(fs *pflag.FlagSet) {
	fs.StringVar(&f.Webhook, "notify-webhook", "", "the `URL` to POST JSON events to: start and end of a run, each victim, and a broken steady state (default $"+WebhookVariable+")")
	fs.StringVar(&f.WebhookFile, "notify-webhook-file", "", "the `file` that contains the URL for --notify-webhook")
	fs.StringVar(&f.Slack, "notify-slack", "", "the `URL` of an incoming webhook of Slack or a compatible service (default $"+SlackVariable+")")
	fs.StringVar(&f.SlackFile, "notify-slack-file", "", "the `file` that contains the URL for --notify-slack")
}

// New returns the notifier for the flags; nil without a destination. Errors name the flag, and
// never show a URL. It logs to the logger of the context.
func (f *Flags) New(ctx context.Context, getenv func(string) string) (*Notifier, error) {
	webhook, webhookErr := address("notify-webhook", f.Webhook, f.WebhookFile, WebhookVariable, getenv)
	slack, slackErr := address("notify-slack", f.Slack, f.SlackFile, SlackVariable, getenv)
	if err := errors.Join(webhookErr, slackErr); err != nil {
		return nil, err
	}
	var to []*destination
	if webhook != nil {
		to = append(to, newWebhook(webhook))
	}
	if slack != nil {
		to = append(to, newSlack(slack))
	}
	if to == nil {
		return nil, nil
	}
	return start(ctx, clock.RealClock{}, to...), nil
}

// address returns the URL that a flag, its file, or else the environment gives; nil for none.
func address(flag, value, file, variable string, getenv func(string) string) (*url.URL, error) {
	source := "--" + flag
	switch {
	case value != "" && file != "":
		return nil, fmt.Errorf("--%s cannot be combined with --%s-file", flag, flag)
	case file != "":
		source = "--" + flag + "-file"
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
		if value = strings.TrimSpace(string(data)); value == "" {
			return nil, fmt.Errorf("%s: the file is empty", source)
		}
	case value == "":
		source = "$" + variable
		if value = strings.TrimSpace(getenv(variable)); value == "" {
			return nil, nil
		}
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s must be a URL with http or https, such as https://hooks.example.com/T000/B000", source)
	}
	return u, nil
}

package notify

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzAddress shows that no URL makes the reader panic, that errors name the source and never
// show the URL, and that what is accepted has a host.
func FuzzAddress(f *testing.F) {
	for _, text := range []string{"https://hooks.example.com/T000/B000/secret", "http://[::1]:80/x", "hooks.example.com/secret", "https://user:secret@/x", "http://%zz/secret", "javascript://secret", " https://a\n", "\x00"} {
		f.Add(text)
	}
	of := func(text string) (*url.URL, error) {
		return address("notify-webhook", "", "", WebhookVariable, func(string) string { return text })
	}
	_, refused := of("no URL")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := of(text)
		switch {
		case err != nil:
			if err.Error() != refused.Error() || !strings.Contains(err.Error(), "$"+WebhookVariable) {
				t.Errorf("the error depends on the URL, or does not name the variable: %v", err)
			}
		case u == nil:
			if strings.TrimSpace(text) != "" {
				t.Errorf("%q is taken for nothing", text)
			}
		case u.Host == "":
			t.Errorf("%q has no host", text)
		}
	})
}

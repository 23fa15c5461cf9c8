package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNoSecretsInTheJournal(t *testing.T) {
	got := withoutSecrets([]string{
		"evict", "--notify-slack", "https://hooks/T0", "--notify_webhook=https://u:p@host", "--pushgateway=http://u:p@gate", "--labels", "app=web", "--notify-slack-file", "f", "--pushgateway",
	})
	want := []string{
		"evict", "--notify-slack", "(hidden)", "--notify_webhook=(hidden)", "--pushgateway=(hidden)", "--labels", "app=web", "--notify-slack-file", "f", "--pushgateway",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}

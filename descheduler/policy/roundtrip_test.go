package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/descheduler/policy"
)

// FuzzLoad shows that no file makes Load panic, and that what it accepts is written out
// as a file with the same meaning.
func FuzzLoad(f *testing.F) {
	for _, data := range examples(f) {
		f.Add(data)
	}
	f.Add([]byte(header + "profiles: [{name: 0o7, pluginConfig: [{name: Consolidate, args: {thresholds: {? [] : 1}}}]}]"))
	f.Add([]byte("a: &a [*a, <<: *a]\n--- !!int x\n"))
	f.Add([]byte(profilePolicy("balance", "Consolidate", "{thresholds: {<<: [{cpu: 0x1F}, {cpu: 1e1, memory: .5}]}}")))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := policy.Load(data)
		if err != nil {
			return
		}
		written, err := p.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := policy.Load(written)
		if err != nil {
			t.Fatalf("the written policy is refused: %v\n%s", err, written)
		}
		if diff := cmp.Diff(p, again, sameMeaning); diff != "" {
			t.Errorf("read again (-first +second):\n%s", diff)
		}
	})
}

func TestTextIsWrittenSoThatItIsReadAsText(t *testing.T) {
	texts := []string{
		"yes", "n", "off", "True", "null", "~", "<<", "=", "1", "0o7", "0x1F", "0b1", "1_000", "1e3", ".5", "+.inf", ".nan", "1:30", "2020-01-01",
		" a ", "a: b", "- a", "#", "a #b", "*a", "&a", "!a", "%a", "@a", "`a", "'", `"`, "a\nb\n", "\n", "\t", "\u00a0", "\u2028", "\ufeff", "ü", "\U0001F600", "---", "...", "{", "[]",
	}
	for _, text := range texts {
		p, err := policy.LoadFile("testdata/policies/json.yaml")
		if err != nil {
			t.Fatal(err)
		}
		p.Profiles[0].Name = text
		written, err := p.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := policy.Load(written)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := again.Profiles[0].Name; got != text {
			t.Errorf("%q is read as %q", text, got)
		}
	}
}

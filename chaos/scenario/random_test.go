package scenario_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/chaos/scenario"
)

// What is read, the schema takes: whatever becomes of the examples by slips of the keyboard.
func TestWhatIsReadTheSchemaTakes(t *testing.T) {
	s := compiled(t, fakes(t))
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var examples [][]byte
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		examples = append(examples, data)
	}
	plugins := fakes(t)
	rapid.Check(t, func(t *rapid.T) {
		data := bytes.Clone(rapid.SampledFrom(examples).Draw(t, "example"))
		// Drawn by rapid itself, nearly all slips would be at the ends of the file.
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for range 1 + random.IntN(2) {
			data = slip(random, data)
		}
		read, err := scenario.Parse(data, plugins, allProbes)
		if err != nil {
			return
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(read.JSON()))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(value); err != nil {
			t.Fatalf("the schema refuses what is read: %v\n%s", err, data)
		}
	})
}

// slip returns the text with a slip: a wrong key, one too many or too few, or a line less.
func slip(random *rand.Rand, text []byte) []byte {
	const keys = "ab019-:.%~{}[]&*! \n\"'#,<"
	at, key := random.IntN(len(text)), keys[random.IntN(len(keys))]
	switch random.IntN(4) {
	case 0:
		text[at] = key
		return text
	case 1:
		return slices.Insert(text, at, key)
	case 2:
		return slices.Delete(text, at, at+1)
	}
	start := bytes.LastIndexByte(text[:at], '\n') + 1
	return slices.Delete(text, start, at+1)
}

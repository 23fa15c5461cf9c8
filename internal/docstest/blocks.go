// Package docstest reads the fenced blocks of pages, and runs the commands in them, for tests that
// hold pages against files and programs.
package docstest

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Block is a fenced block of a page.
type Block struct {
	Language, Text string
	// Output is the text of the next block, if that has no language and is in the same section: it
	// shows what commands print.
	Output string
}

// Read returns the text of a page.
func Read(t testing.TB, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var fenced = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// Blocks returns the blocks of a page in a language, in their order; in all languages for "".
func Blocks(t testing.TB, page, language string) (blocks []Block) {
	t.Helper()
	text := Read(t, page)
	var last *Block // the one that output may follow
	end := 0
	for _, at := range fenced.FindAllStringSubmatchIndex(text, -1) {
		block := Block{Language: text[at[2]:at[3]], Text: text[at[4]:at[5]]}
		if last != nil && block.Language == "" && !strings.Contains(text[end:at[0]], "\n#") {
			last.Output = block.Text
		}
		last, end = nil, at[1]
		if language == "" || block.Language == language {
			blocks = append(blocks, block)
			if block.Language != "" {
				last = &blocks[len(blocks)-1]
			}
		}
	}
	return blocks
}

// Quoted returns the text of the block of a page that begins like this.
func Quoted(t testing.TB, page, language, begin string) string {
	t.Helper()
	for _, block := range Blocks(t, page, language) {
		if strings.HasPrefix(block.Text, begin) {
			return block.Text
		}
	}
	t.Fatalf("%s has no block of %s that begins with %q", page, language, begin)
	return ""
}

var (
	continued = regexp.MustCompile(`\s*\\\n\s*`)
	document  = regexp.MustCompile(`<<(\w+)$`)
)

// Commands returns the commands of a block, without the comments behind them.
func (b Block) Commands() (commands []string) {
	lines := strings.Split(continued.ReplaceAllString(b.Text, " "), "\n")
	for i := 0; i < len(lines); i++ {
		command, _, _ := strings.Cut(lines[i], " # ")
		if command = strings.TrimSpace(command); command == "" || strings.HasPrefix(command, "#") {
			continue
		}
		if here := document.FindStringSubmatch(command); here != nil {
			for i++; i < len(lines) && lines[i] != here[1]; i++ {
				command += "\n" + lines[i]
			}
			command += "\n" + here[1] + "\n"
		}
		commands = append(commands, command)
	}
	return commands
}

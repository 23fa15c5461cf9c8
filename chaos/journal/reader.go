package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
)

// Contents are the records of a journal.
type Contents struct {
	// Records are in the order in which they were written. The first is a Start.
	Records []Record
	// Truncated means that the last line is incomplete, for example after a crash. It is not
	// among the records.
	Truncated bool
}

// ReadFile reads a journal's file. Errors name the file and the line.
func ReadFile(path string) (*Contents, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	defer file.Close()
	contents, err := Read(file)
	if err != nil {
		return nil, fmt.Errorf("reading the journal %s: %w", path, err)
	}
	return contents, nil
}

// Read reads a journal strictly: a line that is not a record of this version is an error that
// names the line. Only the last line may be incomplete.
func Read(r io.Reader) (*Contents, error) {
	contents := &Contents{}
	lines := bufio.NewReader(r)
	for number := 1; ; number++ {
		line, readErr := lines.ReadBytes('\n')
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return nil, readErr
		}
		last := readErr != nil
		if last && len(line) == 0 {
			break
		}
		record, err := decode(line)
		if err != nil && last {
			contents.Truncated = true
			break
		}
		if err == nil && (record.Start != nil) != (len(contents.Records) == 0) {
			err = errors.New("not a journal, or several in one file: the first record, and only that, must be a start record")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		contents.Records = append(contents.Records, record)
		if last {
			break
		}
	}
	if len(contents.Records) == 0 {
		return nil, errors.New("the journal has no records: the run had not started")
	}
	return contents, nil
}

// decode reads one line.
func decode(line []byte) (Record, error) {
	if len(bytes.TrimSpace(line)) == 0 {
		return Record{}, errors.New("the line is empty")
	}
	var record Record
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&record); err != nil {
		return Record{}, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Record{}, errors.New("there is more than one record in the line")
	}
	if record.Time.IsZero() {
		return Record{}, errors.New("the record has no time")
	}
	if kinds := record.kinds(); len(kinds) != 1 {
		return Record{}, fmt.Errorf("a record must have exactly one of %s, not %d", strings.Join(allKinds, ", "), len(kinds))
	}
	return record, nil
}

// kinds names those of the record's pointers that are set, as in JSON.
func (r Record) kinds() []string {
	var set []string
	value := reflect.ValueOf(r)
	for i := range value.NumField() {
		if field := value.Field(i); field.Kind() == reflect.Pointer && !field.IsNil() {
			set = append(set, jsonName(value.Type().Field(i)))
		}
	}
	return set
}

// allKinds names all kinds of records.
var allKinds = func() (names []string) {
	for field := range reflect.TypeFor[Record]().Fields() {
		if field.Type.Kind() == reflect.Pointer {
			names = append(names, jsonName(field))
		}
	}
	return slices.Clip(names)
}()

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

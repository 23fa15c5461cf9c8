package journal

// memorySize is how many records a Memory keeps: of 10,000 evictions, and 100 MiB or so.
const memorySize = 300_000

// Memory keeps the records of a run for the report at its end. For a very long run, it keeps the
// first and the latest records.
type Memory struct {
	records []Record
	most    int
	// left counts the dropped records.
	left int
}

// NewMemory returns an empty memory.
func NewMemory() *Memory { return &Memory{most: memorySize} }

// Add adds a record.
func (m *Memory) Add(r Record) {
	if len(m.records) >= m.most {
		const first = 1 // the Start
		half := len(m.records) / 2
		m.left += half - first
		m.records = append(append(make([]Record, 0, m.most), m.records[:first]...), m.records[half:]...)
	}
	m.records = append(m.records, r)
}

// Left returns the number of dropped records.
func (m *Memory) Left() int { return m.left }

// Run folds the records.
func (m *Memory) Run() *Run { return NewRun(&Contents{Records: m.records}) }

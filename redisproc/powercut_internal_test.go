package redisproc

import (
	"strings"
	"testing"
)

// TestNotesOfATrace reads a trace in which a sync runs beside writes: what was written after it began is not safe.
func TestNotesOfATrace(t *testing.T) {
	t.Parallel()
	const file = "</d/appendonlydir/appendonly.aof.1.incr.aof>"
	trace := `
10 write(7<socket:[99]>, ""..., 5000) = 5000
10 write(8` + file + `, ""..., 100) = 100
12 fdatasync(8` + file + ` <unfinished ...>
10 write(8` + file + `, ""..., 20) = 20
12 <... fdatasync resumed>)          = 0
10 write(8` + file + `, ""..., 3 <unfinished ...>
12 fdatasync(8` + file + ` <unfinished ...>
10 <... write resumed>)              = 3
12 <... fdatasync resumed>)          = -1 EIO (Input/output error)
12 fdatasync(8` + file + ` <unfinished ...>
12 +++ killed by SIGKILL +++`
	n := notes{written: map[string]int64{}, synced: map[string]int64{}, open: map[string]traced{}}
	for line := range strings.Lines(trace) {
		n.read(strings.TrimSuffix(line, "\n"))
	}
	name := "appendonly.aof.1.incr.aof"
	if n.written[name] != 123 || n.synced[name] != 100 || len(n.written) != 1 {
		t.Errorf("written %v, synced %v, want 123 and 100 of one file", n.written, n.synced)
	}
}

package intake

import (
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"topupq/topup"
)

// newTestRun is an upload of nobody in particular.
func newTestRun(s *Server) *batchRun {
	return &batchRun{
		s: s, merchant: "mertest", id: topup.NewBatchID(), started: s.now(),
		errors: []RowError{}, requested: map[string]topup.Money{},
	}
}

// A batch of any length is taken in constant memory.
//
//nolint:paralleltest // it measures the heap, to which tests beside it would add
func TestUploadInConstantMemory(t *testing.T) {
	const allowed = 16 << 20
	rows := 200_000
	if text := os.Getenv("TOPUPQ_TEST_UPLOAD_ROWS"); text != "" { //nolint:forbidigo // the size of a test is no setting
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	var low, high uint64
	var mu sync.Mutex
	chunks := 0
	store := &nullStore{}
	store.created = func() {
		mu.Lock()
		defer mu.Unlock()
		if chunks++; chunks%40 != 10 {
			return
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if low == 0 {
			low = m.HeapAlloc
		}
		high = max(high, m.HeapAlloc)
	}
	s := benchServer(t, store)
	key, _ := NewAPIKey(s.now())
	w := upload(t, s, key.Reveal(), &rowMaker{n: rows, format: ndjsonFormat})
	if w.Code != http.StatusAccepted {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	t.Logf("%d rows: the heap was between %d and %d KiB", rows, low>>10, high>>10)
	if high == 0 || high-low > allowed {
		t.Errorf("the heap grew from %d to %d bytes", low, high)
	}
}

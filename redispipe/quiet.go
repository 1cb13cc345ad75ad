package redispipe

import (
	"strings"
	"sync"
	"time"
)

// quietFor is how long a queue that was found empty is taken for empty without asking again.
const quietFor = 10 * time.Millisecond

// pendingSuffix ends the name of the list that asynq's dequeue takes from, which is its script's first key.
const pendingSuffix = ":pending"

// quiet remembers which queues were found empty a moment ago, so that of many servers that look at a queue side by side
// one asks for all.
type quiet struct {
	mu    sync.Mutex
	until map[string]time.Time
}

// lookedAt is what a script call looks at: the queue and the script of a dequeue, "" for any other call.
func lookedAt(sha string, keys []string) string {
	if len(keys) == 0 || !strings.HasSuffix(keys[0], pendingSuffix) {
		return ""
	}
	return sha + keys[0]
}

func (q *quiet) empty(look string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return time.Now().Before(q.until[look])
}

func (q *quiet) note(look string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.until == nil {
		q.until = map[string]time.Time{}
	}
	q.until[look] = time.Now().Add(quietFor)
}

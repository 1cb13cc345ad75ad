package topup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// AuditEntry is one line of the audit log. Each carries the hash of the one before, so that a changed, moved or
// removed line breaks the chain.
type AuditEntry struct {
	// Seq counts from 1. Prev is the hash of entry Seq-1, "" for the first.
	Seq int64     `json:"seq"`
	At  time.Time `json:"at"`
	// Actor did it, with Role, from Remote (an address, or "cli").
	Actor  string `json:"actor"`
	Role   string `json:"role,omitempty"`
	Remote string `json:"remote,omitempty"`
	// Act is what was done: replay, resolve, cancel, pause, resume, or a request of the dashboard.
	Act string `json:"act"`
	// Phase is "before" or "after"; what was only proposed has a phase of its own.
	Phase string `json:"phase"`
	// Target is what it was done to; Reason is the person's.
	Target string `json:"target,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Detail is what came of it, in words without secrets or numbers.
	Detail string `json:"detail,omitempty"`
	Prev   string `json:"prev"`
	Hash   string `json:"hash"`
}

// Seal numbers e after the entry before it (seq and hash, 0 and "" for none) and sets its hash.
func (e AuditEntry) Seal(prevSeq int64, prevHash string) (AuditEntry, error) {
	e.Seq, e.Prev, e.At = prevSeq+1, prevHash, e.At.UTC().Truncate(time.Millisecond)
	sum, err := e.sum()
	e.Hash = sum
	return e, err
}

// sum is SHA-256 of the entry's JSON without its own hash.
func (e AuditEntry) sum() (string, error) {
	e.Hash = ""
	b, err := json.Marshal(e)
	if err != nil {
		return "", fmt.Errorf("encode audit entry: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// AuditError says where the chain breaks.
type AuditError struct {
	Seq int64
	Why string
}

// Error names the entry and the break.
func (e *AuditError) Error() string {
	return fmt.Sprintf("audit log is broken at entry %d: %s", e.Seq, e.Why)
}

// VerifyAudit checks that entries follow on the entry with number seq and hash prev, and returns the last of them.
// The error is an *AuditError.
func VerifyAudit(seq int64, prev string, entries []AuditEntry) (int64, string, error) {
	for _, e := range entries {
		if e.Seq != seq+1 {
			return seq, prev, &AuditError{e.Seq, fmt.Sprintf("entry %d should stand here: an entry was removed, added or moved", seq+1)}
		}
		if e.Prev != prev {
			return seq, prev, &AuditError{e.Seq, "it does not follow on the entry before it"}
		}
		sum, err := e.sum()
		if err != nil || sum != e.Hash {
			return seq, prev, &AuditError{e.Seq, "its text was changed after it was written"}
		}
		seq, prev = e.Seq, e.Hash
	}
	return seq, prev, nil
}

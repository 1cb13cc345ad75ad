package operator

import (
	"context"
	"fmt"

	"topupq/topup"
)

// Mark is an entry of the audit log by its number and hash. The zero Mark is the log's beginning.
type Mark struct {
	Seq  int64
	Hash string
}

// auditLog is what verifying needs of the store.
type auditLog interface {
	AuditLog(ctx context.Context, from, limit int64) ([]topup.AuditEntry, int64, error)
}

// VerifyLog recomputes the whole chain and returns its last entry. Where expect is set, that entry must stand in it
// unchanged. The error is a *topup.AuditError where the log is broken.
func VerifyLog(ctx context.Context, log auditLog, expect Mark) (Mark, error) {
	var at Mark
	for {
		entries, _, err := log.AuditLog(ctx, at.Seq+1, pageSize)
		if err != nil {
			return at, fmt.Errorf("read audit log: %w", err)
		}
		if len(entries) == 0 {
			break
		}
		if at.Seq, at.Hash, err = topup.VerifyAudit(at.Seq, at.Hash, entries); err != nil {
			return at, err
		}
		for _, e := range entries {
			if e.Seq == expect.Seq && e.Hash != expect.Hash {
				return at, &topup.AuditError{Seq: e.Seq, Why: "it is not the entry that was expected: the log was written anew"}
			}
		}
	}
	if expect.Seq > at.Seq {
		return at, &topup.AuditError{Seq: at.Seq, Why: fmt.Sprintf("it ends here, but entry %d was there before: the log was cut off", expect.Seq)}
	}
	return at, nil
}

package topup_test

import (
	"testing"

	"topupq/topup"
)

// TestRowHash compares with sums made by another program, as docs/callbacks.md shows how.
func TestRowHash(t *testing.T) {
	t.Parallel()
	var h topup.RowHash
	for reference, st := range map[string]topup.State{"ord-1": topup.Succeeded, "ord-2": topup.Failed, "ord-3": topup.Succeeded} {
		h = h.Add(topup.HashRow(reference, st))
	}
	const want = "b4ca1da9ed8f289f97b1478a54f783aa9e465c4353b14d42a4970daf33e4ee34"
	if h.Text() != want || h.Rows != 3 {
		t.Errorf("%s of %d rows, want %s", h.Text(), h.Rows, want)
	}
}

package topup_test

import (
	"testing"

	"topupq/topup"
)

// TestBand tells failures that chance explains from those that it does not.
func TestBand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		seen, usual topup.Failures
		leaves      bool
	}{
		{topup.Failures{All: 49, Failed: 49}, topup.Failures{}, false},
		{topup.Failures{All: 50, Failed: 50}, topup.Failures{}, true},
		{topup.Failures{All: 50, Failed: 10}, topup.Failures{}, false},
		{topup.Failures{All: 50, Failed: 10}, topup.Failures{All: 10_000, Failed: 50}, true},
		{topup.Failures{All: 50, Failed: 20}, topup.Failures{All: 10_000, Failed: 3_000}, false},
		{topup.Failures{All: 200, Failed: 190}, topup.Failures{All: 10_000, Failed: 9_900}, true},
		{topup.Failures{All: 1000, Failed: 0}, topup.Failures{}, false},
	} {
		if got := c.seen.Leaves(c.usual, 50); got != c.leaves {
			t.Errorf("%+v beside the usual %+v: %v", c.seen, c.usual, got)
		}
	}
}

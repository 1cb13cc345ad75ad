package intake_test

import (
	"context"
	"time"

	"topupq/topup"
)

// The fake store bounds nobody: limits are tested on the ledger in Redis.

func (f *fakeStore) Used(context.Context, topup.MerchantID, time.Time) (topup.Use, error) {
	return topup.Use{}, nil
}

func (f *fakeStore) Reserve(context.Context, topup.MerchantID, topup.Use, time.Duration, time.Time) (int64, error) {
	return 1, nil
}

func (f *fakeStore) Earlier(context.Context, topup.MerchantID, int64, time.Time) (topup.Use, error) {
	return topup.Use{}, nil
}

func (f *fakeStore) EndReserve(context.Context, topup.MerchantID, int64) error { return nil }

func (f *fakeStore) TakeNumbers(_ context.Context, _ topup.MerchantID, _ time.Time, ts []*topup.Topup, _ topup.Limits) ([]bool, error) {
	out := make([]bool, len(ts))
	for i := range out {
		out[i] = true
	}
	return out, nil
}

func (f *fakeStore) NumbersUsed(_ context.Context, _ topup.MerchantID, _ time.Time, numbers []topup.MSISDN) ([]topup.Use, error) {
	return make([]topup.Use, len(numbers)), nil
}

package clients

import (
	"context"
	"fmt"
	"time"

	"topupq/topup"
)

// CountOrders is GetTransactionCount for one day. Whether it counts transactions that were taken back is not documented;
// it is assumed that it does.
func (a *AAT) CountOrders(ctx context.Context, day time.Time) (int64, error) {
	if err := topup.Spend(ctx); err != nil {
		return 0, err
	}
	total, err := a.client.GetTransactionCount(ctx, day, day)
	if err != nil {
		return 0, fmt.Errorf("count aat transactions: %w", err)
	}
	return int64(total.Transactions), nil
}

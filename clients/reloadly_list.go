package clients

import (
	"context"
	"fmt"
	"iter"
	"time"

	"topupq/clients/reloadly"
	"topupq/topup"
)

// reloadlyListed is what the report's words for the end of an order mean for the books.
var reloadlyListed = map[string]topup.ListedState{
	reloadly.StatusSuccessful: topup.ListedBooked, reloadly.StatusFailed: topup.ListedReturned,
	reloadly.StatusRefunded: topup.ListedReturned, reloadly.StatusProcessing: topup.ListedOpen,
}

// List reads the report of the time, a day wider each way because the clock that it reads dates on is not known for sure.
func (r *Reloadly) List(ctx context.Context, from, to time.Time) iter.Seq2[topup.Listed, error] {
	return func(yield func(topup.Listed, error) bool) {
		window := reloadly.ReportFilter{Start: from.Add(-reloadlyMargin), End: to.Add(reloadlyMargin)}
		seen := map[reloadly.Int]bool{}
		for page := 1; ; page++ {
			if err := topup.Spend(ctx); err != nil {
				yield(topup.Listed{}, err)
				return
			}
			p, err := r.api.TransactionsPage(ctx, window, page, reloadly.MaxReportSize)
			if err != nil {
				yield(topup.Listed{}, fmt.Errorf("read reloadly's report: %w", err))
				return
			}
			for i := range p.Content {
				row := &p.Content[i]
				if seen[row.TransactionID] {
					continue // rows can move between pages meanwhile
				}
				seen[row.TransactionID] = true
				if !yield(reloadlyLine(row), nil) {
					return
				}
			}
			if p.Last || len(p.Content) == 0 {
				return
			}
		}
	}
}

func reloadlyLine(t *reloadly.Transaction) topup.Listed {
	l := topup.Listed{
		TransactionID: reloadlyID(t), At: reloadlyDate(t), State: reloadlyListed[string(t.Status)], Word: cut(string(t.Status)), Cost: reloadlyCost(t),
	}
	if id := topup.ID(t.CustomIdentifier); id.Valid() {
		l.Reference = id
	}
	if t.RecipientPhone != "" {
		l.Recipient = topup.MSISDN("+" + string(t.RecipientPhone))
	}
	if t.RequestedAmount.Known {
		l.Amount = topup.Money{Amount: t.RequestedAmount.Decimal, Currency: string(t.RequestedAmountCurrencyCode)}
	}
	return l
}

package intake

import (
	"context"
	"net/http"
	"time"

	"github.com/shopspring/decimal"
	"go.uber.org/zap"

	"topupq/topup"
)

// Codes of limits, of problems as well as of rows.
const (
	codeDayLimit    = "day_limit"
	codeNumberLimit = "number_limit"
	codeBatchLimit  = "batch_limit"
	codeCreditLimit = "credit_limit"
)

var limitTexts = map[string]string{
	codeDayLimit:    "your limit of the day is reached; it begins anew at midnight UTC",
	codeNumberLimit: "the limit of this recipient's day is reached; it begins anew at midnight UTC",
	codeBatchLimit:  "the limit of one batch is reached",
	codeCreditLimit: "your credit limit is reached; what fails gives its amount back",
}

const (
	// reserveFor is how long a reservation stands whose process has died; longer than a write may take.
	reserveFor = time.Minute
	// reserveWait bounds the wait for others who reserved before, where it depends on them whether there is room.
	reserveWait = 3 * time.Second
	reservePoll = 10 * time.Millisecond
)

// grant is what a merchant's limits let through of some new top-ups. Until end is called they are counted beforehand.
type grant struct {
	// refused has the code of the limit for each top-up, "" for one that may be recorded.
	refused []string
	end     func()
}

// limited reports whether anything is bounded that is looked at before a record is written.
func limited(l topup.Limits) bool { return l.Reserves() || l.ByNumber() || l.ByBatch() }

// grant counts top-ups that are about to be recorded, in order. The caller records those that are not refused, and then
// calls end, whatever came of it.
func (s *Server) grant(ctx context.Context, m topup.MerchantID, l topup.Limits, ts []*topup.Topup) (grant, error) {
	g := grant{refused: make([]string, len(ts)), end: func() {}}
	if len(ts) == 0 {
		return g, nil
	}
	day := ts[0].CreatedAt
	if l.Reserves() {
		if err := s.reserve(ctx, m, l, ts, &g); err != nil {
			return g, err
		}
	}
	if !l.ByNumber() {
		return g, nil
	}
	var asked []*topup.Topup
	var at []int
	for i, t := range ts {
		if g.refused[i] == "" {
			asked, at = append(asked, t), append(at, i)
		}
	}
	taken, err := s.cfg.Store.TakeNumbers(ctx, m, day, asked, l)
	if err != nil {
		g.end()
		return g, err
	}
	for n, ok := range taken {
		if !ok {
			g.refused[at[n]] = codeNumberLimit
		}
	}
	return g, nil
}

// reserve announces the top-ups and finds out which of them there is room for. Whoever reserved before counts as
// well; where it depends on them, their writes are waited for.
func (s *Server) reserve(ctx context.Context, m topup.MerchantID, l topup.Limits, ts []*topup.Topup, g *grant) error {
	var all topup.Use
	for _, t := range ts {
		all.Count(t)
	}
	number, err := s.cfg.Store.Reserve(ctx, m, all, reserveFor, s.now())
	if err != nil {
		return err
	}
	g.end = func() {
		ctx, cancel := s.writing(ctx)
		defer cancel()
		if err := s.cfg.Store.EndReserve(ctx, m, number); err != nil { // it ends by itself
			s.log.Warn("reservation not ended", zap.String("merchant", string(m)), zap.Error(err))
		}
	}
	for until := time.Now().Add(reserveWait); ; {
		earlier, err := s.cfg.Store.Earlier(ctx, m, number, s.now())
		if err != nil {
			g.end()
			return err
		}
		used, err := s.cfg.Store.Used(ctx, m, ts[0].CreatedAt)
		if err != nil {
			g.end()
			return err
		}
		sure, careful := fitting(l, used, topup.Use{}, ts), fitting(l, used, earlier, ts)
		g.refused = careful
		if same(sure, careful) || time.Now().After(until) || !pause(ctx, reservePoll) {
			return nil
		}
	}
}

// pause waits, and reports false when ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func same(a, b []string) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// fitting goes through top-ups in order and lets through what there is room for: the code of a limit for each.
func fitting(l topup.Limits, used, earlier topup.Use, ts []*topup.Topup) []string {
	out := make([]string, len(ts))
	rows := used.Topups + earlier.Topups
	day, credit := topup.Sums{}, topup.Sums{}
	for i, t := range ts {
		c, a := t.Amount.Currency, t.Amount.Amount
		now := day[c].Add(used.Amounts[c]).Add(earlier.Amounts[c]).Add(a)
		owed := credit[c].Add(used.Credit[c]).Add(earlier.Amounts[c]).Add(a).Sub(l.Paid[c])
		switch {
		case l.TopupsPerDay > 0 && rows >= l.TopupsPerDay, above(now, l.AmountPerDay, c):
			out[i] = codeDayLimit
		case above(owed, l.Credit, c):
			out[i] = codeCreditLimit
		default:
			rows++
			day.Add(c, a)
			credit.Add(c, a)
		}
	}
	return out
}

// above reports whether a sum is above the limit of its currency; without one it never is.
func above(sum decimal.Decimal, limits topup.Sums, currency string) bool {
	most, bounded := limits[currency]
	return bounded && sum.GreaterThan(most)
}

// limitProblem is the answer to a single top-up above a limit.
func (s *Server) limitProblem(code string) *Problem {
	p := problem(http.StatusUnprocessableEntity, code, "Not taken: "+limitTexts[code]+".")
	if code == codeDayLimit || code == codeNumberLimit {
		now := s.now()
		p = problem(http.StatusTooManyRequests, code, "Not taken: "+limitTexts[code]+".")
		p.retryAfter = now.Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now)
	}
	return p
}

// limitRow is the same for a row of a batch.
func limitRow(t *topup.Topup, code string) RowError {
	field := "amount"
	if code == codeNumberLimit {
		field = "recipient"
	}
	return RowError{Line: t.Line, Reference: t.Reference, Code: code, Field: field, Message: limitTexts[code]}
}

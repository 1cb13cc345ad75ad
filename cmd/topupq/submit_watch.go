package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/schollz/progressbar/v3"

	"topupq/topup"
)

// watchFails is how many looks in a row may fail before watching is given up.
const watchFails = 30

// watch looks at the batch until nothing moves without a person any more, and leaves what it saw last in b. Only
// the watching can be stopped, which it reports: the batch goes on.
func (s *submission) watch(ctx context.Context, b *topup.BatchView) (stopped bool, err error) {
	var bar *progressbar.ProgressBar
	if s.progress != nil {
		bar = s.bar("waiting for outcomes", b.Accepted, false)
		defer func() { _ = bar.Finish() }() // a bar that cannot be drawn is no failure
	}
	id := b.BatchID
	for fails := 0; ; {
		now, err := s.api.batch(ctx, string(id))
		var p *apiProblem
		switch {
		case err == nil:
			fails, *b = 0, now
		case ctx.Err() != nil:
		case errors.As(err, &p) && !p.passing():
			return false, err
		default:
			if fails++; fails == watchFails {
				return false, err
			}
		}
		if bar != nil {
			bar.Describe(countsText(b.States))
			_ = bar.Set64(decided(b))
		}
		if err == nil && decided(b) >= b.Accepted {
			return false, nil
		}
		if sleep(ctx, s.poll) != nil {
			fmt.Fprintf(s.err, "stopped watching; the batch goes on: topupq status %s\n", id)
			return true, nil
		}
	}
}

// decided counts the top-ups that are closed or wait for a person.
func decided(b *topup.BatchView) int64 {
	var n int64
	for _, st := range []topup.State{topup.Succeeded, topup.Failed, topup.Reversed, topup.Held, topup.Unresolved} {
		n += b.States[st.String()]
	}
	return n
}

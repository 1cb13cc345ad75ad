package intake

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"topupq/topup"
)

// quota bounds what one merchant takes of this process: requests per second and uploads at the same time.
type quota struct {
	mu      sync.Mutex
	perSec  int
	uploads int
	rates   map[topup.MerchantID]*rate.Limiter
	running map[topup.MerchantID]int
}

func newQuota(l Limits) *quota {
	return &quota{
		perSec: l.Requests, uploads: l.Batches,
		rates: map[topup.MerchantID]*rate.Limiter{}, running: map[topup.MerchantID]int{},
	}
}

// request takes one request from the merchant's rate: its own, or that of all. False when there is none left.
func (q *quota) request(m topup.MerchantID, own int, now time.Time) bool {
	perSec := q.perSec
	if own > 0 {
		perSec = own
	}
	if perSec <= 0 {
		return true
	}
	q.mu.Lock()
	limiter, ok := q.rates[m]
	if !ok || limiter.Burst() != perSec {
		limiter = rate.NewLimiter(rate.Limit(perSec), perSec)
		q.rates[m] = limiter
	}
	q.mu.Unlock()
	return limiter.AllowN(now, 1)
}

// upload takes one of the merchant's places for uploads; done gives it back.
func (q *quota) upload(m topup.MerchantID) (done func(), ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running[m] >= q.uploads {
		return nil, false
	}
	q.running[m]++
	return func() { q.leave(m) }, true
}

func (q *quota) leave(m topup.MerchantID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running[m]--; q.running[m] <= 0 {
		delete(q.running, m)
	}
}

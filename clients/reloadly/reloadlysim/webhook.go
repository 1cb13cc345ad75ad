package reloadlysim

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// webhookTimeout bounds one call-back.
const webhookTimeout = 5 * time.Second

// SendWebhooks sends a call-back for every asynchronous order that has ended since the last time and returns how many
// were taken with a 200. One that was not is sent again the next time. The shape of the body is assumed: only "type",
// "data" and the signature are sure.
func (s *Sim) SendWebhooks(ctx context.Context) (int, error) {
	if s.opt.WebhookURL == "" {
		return 0, nil
	}
	sent := 0
	for _, e := range s.ended() {
		if err := s.post(ctx, e.body); err != nil {
			return sent, fmt.Errorf("send call-back: %w", err)
		}
		s.mu.Lock()
		delete(s.unsaid, e.order)
		s.mu.Unlock()
		sent++
	}
	return sent, nil
}

// RepeatWebhooks forgets which call-backs were sent, so that the next SendWebhooks delivers them again.
func (s *Sim) RepeatWebhooks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.orders {
		if o.async {
			s.unsaid[o] = true
		}
	}
}

// RunWebhooks sends call-backs every interval until ctx ends. A receiver that is away is tried again.
func (s *Sim) RunWebhooks(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_, _ = s.SendWebhooks(ctx) // tried again at the next tick
		}
	}
}

// ending is an order to be announced.
type ending struct {
	order *order
	body  []byte
}

func (s *Sim) ended() []ending {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opt.Now()
	var list []ending
	for o := range s.unsaid {
		status := o.truth(now)
		if status == processing {
			continue
		}
		body, err := json.Marshal(fields{"type": "airtime_transaction.status", "data": fields{
			"code": nil, "message": nil, "status": status, "transaction": transactionOf(o, status),
		}})
		if err == nil {
			list = append(list, ending{o, body})
		}
	}
	slices.SortFunc(list, func(a, b ending) int { return cmp.Compare(a.order.id, b.order.id) })
	return list
}

// Sign is the signature of a call-back: lower-case hex of HMAC-SHA256 over body, ":" and the time stamp.
func Sign(body []byte, timestamp, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	mac.Write([]byte(":" + timestamp))
	return hex.EncodeToString(mac.Sum(nil))
}

func (s *Sim) post(ctx context.Context, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, webhookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.opt.WebhookURL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	stamp := strconv.FormatInt(s.opt.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Reloadly-Request-Timestamp", stamp)
	req.Header.Set("X-Reloadly-Signature", Sign(body, stamp, s.opt.WebhookSecret))
	resp, err := (&http.Client{Timeout: webhookTimeout}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxRequestBody))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("receiver answered %d", resp.StatusCode)
	}
	return nil
}

package main

import (
	"context"
	"fmt"
	"time"

	"topupq/topup"
	"topupq/webhook"
)

// testSender sends a webhook.test event to a merchant's endpoint, once.
func testSender(sender *webhook.Sender, ring topup.Keyring) func(context.Context, *topup.Merchant) (topup.CallbackAttempt, error) {
	return func(ctx context.Context, m *topup.Merchant) (topup.CallbackAttempt, error) {
		now := time.Now()
		body, err := webhook.TestBody(m.Webhook.Format, m.ID, now)
		if err != nil {
			return topup.CallbackAttempt{}, fmt.Errorf("build test event: %w", err)
		}
		keys, err := webhook.LiveKeys(ring, m, now)
		if err != nil {
			return topup.CallbackAttempt{}, fmt.Errorf("open webhook secret: %w", err)
		}
		id := "msg_test_" + topup.NewLookupID()
		if m.Webhook.MaxEvents > 1 {
			if id, body, err = webhook.GroupBody([]webhook.Member{{ID: id, Body: body}}); err != nil {
				return topup.CallbackAttempt{}, fmt.Errorf("build test event: %w", err)
			}
		}
		r := sender.Send(ctx, webhook.Message{
			Merchant: m.ID, URL: m.Webhook.URL, ID: id, Body: body, Keys: keys, Headers: m.Webhook.Headers,
		})
		if !r.Postponed.IsZero() {
			r.Excerpt = "the endpoint has failed repeatedly and is being left alone until " + r.Postponed.UTC().Format(time.RFC3339)
		}
		return topup.CallbackAttempt{At: r.At, Status: r.Status, Latency: r.Latency, Excerpt: r.Excerpt}, nil
	}
}

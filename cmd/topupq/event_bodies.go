package main

import (
	"topupq/topup"
	"topupq/webhook"
)

// eventBodies says events for the feed as callbacks in the standard format do.
type eventBodies struct{}

// Topup implements intake.Bodies.
func (eventBodies) Topup(t *topup.Topup, version int, e topup.EventType) ([]byte, error) {
	return webhook.TopupBody(topup.FormatStandard, t, version, e)
}

// Batch implements intake.Bodies.
func (eventBodies) Batch(b *topup.Batch) ([]byte, error) {
	return webhook.BatchBody(topup.FormatStandard, b)
}

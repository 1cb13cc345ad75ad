// Package webhook tells merchants what became of their top-ups: it writes the body of an event, signs it, posts it,
// and verifies it on the other side.
//
// Signatures are those of Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256 over
// "id.timestamp.body", base64, sent as "v1,…" in webhook-signature beside webhook-id and webhook-timestamp.
//
// A merchant's Go program needs Verify only. Everything else is for the side that sends.
package webhook

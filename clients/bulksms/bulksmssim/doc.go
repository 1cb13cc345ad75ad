// Package bulksmssim is a scriptable stand-in for the BulkSMS JSON REST API v1, for tests and demonstrations. It
// keeps every text that it accepted, so a test can count what went out.
//
// It follows BulkSMS' own OpenAPI description 1.0.0: Basic authentication, POST /messages with one submission or a
// list, deduplication-id remembered for 12 hours, credits, GET /messages with filters, GET /profile, webhooks. Status
// 429 (fault rate_limited) is offered although no document describes it. Paths work with and without /v1 in front. The simple
// forms (GET /messages/send, form-encoded POST) are left out.
//
// # Scripting
//
// Script adds a Rule: which calls it matches, which fault they get, how often. Rules are tried in the order in which
// they were added; one call gets every matching fault about the message and the first one about how its answer is
// delivered. The same can be done over HTTP under /_sim/: GET bookings, requests, messages, faults; POST script,
// balance, reset. GET /_sim/faults lists every fault, and the table of numbers of Options.Magic. For rules and
// bookings the reference is userSuppliedId.
package bulksmssim

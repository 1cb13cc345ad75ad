// Package jobs names every asynq task: its kind, queue, ID, payload, timeout and retries, and holds the one client
// that enqueues them. A task is a wake-up call: its payload is an ID, and losing it or running it twice changes
// nothing but latency.
package jobs

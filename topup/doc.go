// Package topup is the domain: what a top-up is, which states it can be in, which moves are allowed
// between them, and what each answer of a provider does to it. It knows no Redis, no HTTP and no queue.
//
// Everything that may happen to a top-up is a named transition in transition.go, settle.go or check.go: a
// pure function of the record, what was observed and the time. A Store applies one atomically or not at all.
package topup

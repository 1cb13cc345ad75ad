// Package intake is the public HTTP API: it authenticates, validates, recognises repeats, records top-ups in the
// ledger, rings the queue and answers. It also takes the call-backs of providers, which prove nothing and are only
// turned into a check. It decides nothing about money: what was recorded is the workers' to send.
//
// Everything that a merchant reads or changes is filtered by the merchant of the key; what belongs to another one
// is answered exactly like what does not exist.
package intake

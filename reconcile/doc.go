// Package reconcile compares a day three ways: what our ledger says, what the provider lists or counts, and what the
// provider's balance lost against what our top-ups cost. Every difference is a case with a name and its rows, for a
// person to look at; nothing here changes anything.
package reconcile

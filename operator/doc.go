// Package operator holds the rules by which people step in: what a replay, a cancel, a resolve or a pause would do
// to each top-up and why, who may do it, and what is written into the audit log. The command line and the console
// both act through a Desk, so that they cannot differ.
//
// Every act is shown before it is done: Preview and Acting are two hands of the same desk, and only the second
// touches anything. Nothing here can pay twice: a replay only rings, and the workers ask the ledger first.
package operator

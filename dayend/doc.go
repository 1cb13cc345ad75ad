// Package dayend does what belongs to the end of a provider's day: the report, the comparison of the books, the archive,
// and what leaves the ledger when it has been in the archive for long enough. It handles the tasks of the day queue; the
// commands for operators use the same parts.
package dayend

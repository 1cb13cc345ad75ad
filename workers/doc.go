// Package workers runs the jobs: one handler per kind. Each loads the record by the ID in its task, looks whether
// there is anything to do, does it, and records what came of it as a named transition. A job that runs twice, late,
// or on a record that has moved on does no harm.
package workers

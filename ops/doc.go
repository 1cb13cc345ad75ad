// Package ops is the operator's listener: the asynq dashboard and the metrics, behind a login of our own, since
// the dashboard has none. Viewers read; operators and admins may act; every act is audited before it happens.
//
// Nothing that is done in the dashboard can pay twice: a job is only a wake-up, and its handler asks the ledger.
package ops

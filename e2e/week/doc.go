// Package week lets the scheduler, the workers, the end of the day and the intake live through days of traffic in virtual
// time, against the simulators of the providers, and compares every figure that they report with the simulators' ledgers.
package week

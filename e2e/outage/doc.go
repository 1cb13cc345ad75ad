// Package outage lets callbacks, the event feed and the scheduler live through days on which a merchant's endpoint does not
// answer, in virtual time, and compares what the merchant holds afterwards with what happened.
package outage

// Package report makes the books of a day: every top-up as it stood when the day ended, totals by state and currency,
// costs and fees, what is open and since when, and what the day changed about earlier days. A day's report is made of
// what the histories say of that day, so that it stays the same for ever: what comes later is a correction in the
// report of a later day. The states of a day's report and the corrections of all later ones add up to the present.
package report

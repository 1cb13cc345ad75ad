// Package rechargekitsim is a scriptable stand-in for RechargeKit, for tests and demonstrations. It keeps a wallet
// and a list of orders, so a test can compare what was booked with what a caller believes.
//
// # How faithful it is
//
// The members and types of a prepaid and a postpaid recharge, the three statuses and the duplicate refusal follow
// the provider's own pages (https://apidocs.rechargkit.biz/prepaidGet.html, postpaidPost.html). Every path, the
// Bearer check with its 401 answer, DTH, statusCheck, balanceCheck, plans, bills, operators and the call-back are
// modelled on public code of third-party clients, not on a document of the provider. The texts "Order not found",
// "Insufficient balance" and those of invalid members are made up.
//
// # Scripting
//
// Script adds a Rule: which calls it matches, which fault they get, how often. Rules are tried in the order in
// which they were added. One call gets every matching fault that decides how its order goes on (pending, fail,
// reverse and others) and the first matching fault that decides how its answer is delivered. The same can be done
// over HTTP under /_sim/: GET bookings, requests, faults; POST script, balance, reset. GET /_sim/faults lists
// every fault.
//
// With Options.Magic the last four digits of the recipient's number choose the fault, so that a plain CSV file can
// script a run; GET /_sim/faults shows that table too.
package rechargekitsim

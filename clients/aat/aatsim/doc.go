// Package aatsim is a scriptable stand-in for AAT's Mobile Recharge API V3.4, for tests and demonstrations. It keeps
// a credit ledger and a list of transactions, so a test can compare what was booked with what a caller believes.
//
// # How faithful it is
//
// The operations, their parameters, roots and members and every error text, stray spaces and all, follow the
// provider's guide. How parameters are found and refused, the shape of the XML and the HTML page for an unknown
// operation follow .NET's ASMX. Where both are silent the simulator takes the choice that is hardest on a caller:
//
//   - The checks of a Perform call run in the order of the guide's tables, so a repeated reference may be refused for
//     another reason (such as the credit) before it is recognised.
//   - A reference is refused only after it has been booked. A request that is still at work ("pending") does not
//     count: sent again meanwhile it is booked twice, and Booking.Count tells.
//   - A voucher of the other kind (pinned for a pinless call) does not exist; a fixed-amount voucher is sold by the
//     ordinary calls too, at its exact price.
//   - Bad credentials get the text "unauthorized" where the guide has no text.
//   - The words "Failed" and "Refunded" for a Status other than OK are made up.
//
// Amounts are read with the invariant culture, which drops commas: "2,50" is 250 rand, as with the real service.
//
// # Scripting
//
// Script adds a Rule: which calls it matches, which fault they get, how often. Rules are tried in the order in which
// they were added. One call gets every matching fault that decides how its transaction goes on (pending, fail,
// reverse), every one about what GetTransactionInfo tells, and the first one about how the answer is delivered. The
// recipient of a GetTransactionInfo is that of the transaction asked for; the number of a GetNetwork is no recipient,
// so match that call by path. A voucher without number has no recipient: match it by reference.
//
// AAT answers a recharge at once. "pending" therefore means here that the answer is lost (the connection is cut)
// and that GetTransactionInfo finds nothing until Delay has passed; then the transaction is booked, or failed.
//
// The same can be done over HTTP under /_sim/: GET bookings, requests, faults; POST script, balance, callback,
// reset. GET /_sim/faults lists every fault.
//
// With Options.Magic the last four digits of the recipient's number choose the fault, so that a plain CSV file can
// script a run; GET /_sim/faults shows that table too. Recent recharges are no reason for AAT to refuse, so 9010
// succeeds at once.
package aatsim

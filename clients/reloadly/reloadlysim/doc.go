// Package reloadlysim is a scriptable fake of Reloadly's token host and airtime service, written from the provider's
// documents. It keeps a ledger of what was really booked, so a test can compare what it was told with what happened,
// and a history of every request. One Sim is an http.Handler for both hosts: /oauth/token and the airtime paths do not
// overlap.
//
// # Faults
//
// Script adds a Rule; Faults lists the names. A rule is for the calls that its Match fits, a number of times or always.
// Faults "before" strike instead of the call, those "after" spoil its answer, those of an order decide its fate (they
// also apply to orders placed earlier, when those are read), those of an answer change the transactions in it.
// An order that is refused for its own sake is answered as it should be, and uses up no "after" fault.
//
// # Magic recipients
//
// With Options.Magic the last four digits of the recipient choose a fault, so that a plain file of orders is a script:
//
//	9001  PROCESSING for 2 s, then SUCCESSFUL
//	9002  PROCESSING for 2 s, then FAILED
//	9003  booked, connection cut without an answer (the first time; then the identifier is used)
//	9004  never booked, connection cut without an answer
//	9005  refused: 400 INVALID_RECIPIENT_PHONE
//	9006  SUCCESSFUL, REFUNDED after Options.ReverseAfter
//	9007  booked, 500 (the first time; then the identifier is used)
//	9008  never booked, 500
//	9009  booked, answer truncated (the first time; then the identifier is used)
//	9010  the number's first order is refused with PHONE_RECENTLY_RECHARGED, then all is well
//	9011  answer after 1.5 s
//	9012  booked, connection cut, and not to be found for 3 s
//
// Every other number succeeds. Rules come before magic.
//
// # Control API
//
//	GET  /_sim/bookings   GET  /_sim/requests   GET  /_sim/faults
//	POST /_sim/script     a Rule; delay is duration text such as "2s"
//	POST /_sim/balance    {"balance":"100.00"}
//	POST /_sim/reset
//
// # Catalogue
//
// About forty operators in 17 countries (AE AF BD CO CU GB GH HT IN KE MX NG PH PK SV US ZA), with the prefixes that
// auto-detection knows: RANGE and FIXED, local amounts, PIN (AT&T USA 69, EE 535), data, e-mail (Nauta 683), one that
// holds an order for 52 s and fails it (1213), one that is inactive (771). Rates, discounts, prefixes and bounds are
// invented but plausible. The account is in USD.
//
// # What is assumed
//
// Not known from documents or measurements, so nobody's word but this package's: the HTTP status of
// PHONE_RECENTLY_RECHARGED (400) and whether operator and amount matter for it; the order in which refusals are
// checked; the bodies of FAILED and REFUNDED transactions (cost 0, nothing delivered, no transaction in the status
// envelope, code in it for FAILED only); that the report lists PROCESSING orders (Options.HideProcessing) and FAILED
// ones; that a FAILED order's money is held while it is PROCESSING; the body of the call-back but for "type" and
// "data"; mnpLookupPost without a number answering 400; the 52 s operator's country.
package reloadlysim

// Package aat is the wire client of the Mobile Recharge API V3.4 of AAT / Always Active Mobile (South Africa): the
// fourteen operations of the provider's guide of 10 April 2018, one method each. It knows nothing about top-ups.
//
// Sources: the guide (a public copy is
// https://dokumen.tips/documents/mobile-recharge-always-active-mobile-cell-c-to-recharge-dial-102voucher-or.html)
// and the live service's help pages, of which three are known:
// https://mobilerechargeapi.gsm.co.za/MobileRecharge.asmx?op=PerformPinlessRecharge (also op=GetTransactionInfo and
// op=EasyPayPayAccount). What is marked "ASMX" below is how .NET's System.Web.Services behaves, read from its source.
//
// # Quirks
//
//   - Every call carries username and password as parameters, in the query with GET. Nothing here ever puts them
//     into an error; operators should know that GET leaves them in access logs on the way.
//   - The guide documents GET only. The live help page offers a form POST, so POST is a setting.
//   - A GET that pays must never run on a connection that is used again: net/http repeats it by itself when such a
//     connection breaks. Paying calls have a client of their own for that reason.
//   - Answers are XML. The root is the name of the type, not of the operation; the guide prints the namespace in two
//     examples only, so names are matched without it. A member that is null is absent; numbers, booleans and dates
//     are always there (ASMX). New members are tolerated, since the live service is newer than the guide.
//   - A refusal is HTTP 200 with a member Error. There is no code: the text decides, and it is printed with stray
//     trailing spaces and in three spellings for one case. Kinds compares by prefix, trimmed, in any case.
//   - HTTP 500 with text/plain is a missing or unparsable parameter, or an exception inside the service. After a
//     paying call an exception proves nothing: the money may have moved.
//   - An answer that is not XML, has another root, holds a member twice, lacks a member that it must have, or goes on
//     after its end is an *UndecodableError. After a paying call that too proves nothing.
//   - Amounts are rand with a dot. The service reads numbers with .NET's invariant culture, which takes a comma for
//     a thousands separator: "2,50" would be sold as 250. Amounts are therefore sent as digits, dot, two digits.
//   - Order, ticket and PIN numbers are text (PINs have leading zeros) and come with trailing spaces.
//   - Dates carry no zone; the provider's own is taken to be South Africa's. ExpiryDate 0001-01-01T00:00:00 means
//     that there is none.
//   - clientRef is unique per successful transaction only: one that failed may be used again.
//   - fmt=json, shown once in the guide, is no parameter of the live operation and is never sent.
package aat

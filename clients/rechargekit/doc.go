// Package rechargekit is the wire client of RechargeKit's second-generation recharge API (India): prepaid, postpaid
// and DTH recharges, the status of an order, the wallet, plans, bills and operators. It knows nothing about top-ups.
//
// # What is known, and how well
//
// The bodies of a prepaid and a postpaid recharge are the provider's own pages
// (https://apidocs.rechargkit.biz/prepaidGet.html and postpaidPost.html). Everything else - paths, hosts, the DTH
// body, statusCheck, balanceCheck, plans, bills, operators and the call-back - is second hand: it was read from
// public code of other integrators and may differ on your account. Each method says which it is.
//
// # Quirks
//
//   - Numbers come as JSON numbers or as text, and members come and go between answers. Numbers are therefore kept
//     as they were written (Number), unknown members are ignored and missing ones are left empty.
//   - The provider's page prints an answer that is not JSON (an unquoted text) and one with a trailing comma. What
//     cannot be read, holds a member twice or goes on after its end is an *UnreadableError: the order may well
//     exist, so callers must treat it as unknown.
//   - A refusal is HTTP 200 with error other than 0, and then has neither status nor ids. The page says of every
//     such answer that the order was not taken; for "Duplicate order" the opposite is true.
//   - Amounts are whole rupees, mobile numbers 10 digits without country code.
//   - status 1 may come with an empty optransid. statusCheck tells it later.
//   - The page shows the prepaid call as GET without printing its address; the same path as for POST is assumed.
//     A client that pays by GET must not reuse connections (net/http repeats a GET by itself), so it does not.
package rechargekit

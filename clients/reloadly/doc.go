// Package reloadly speaks to Reloadly's airtime service: every one of its 22 connector actions as a typed method, and
// the 20 that do not pay by name as well (Run). It knows the provider and nothing else.
//
// # Actions
//
//	getAccessToken           AccessToken            getAllPromotions         Promotions
//	getAccountBalance        AccountBalance         getPromotionById         Promotion
//	getAllCountries          Countries              getPromotionsByCountry   PromotionsByCountry
//	getCountryByCode         Country                getPromotionsByOperator  PromotionsByOperator
//	getAllOperators          Operators              makeTopup                Topup
//	getOperatorById          Operator               makeAsyncTopup           TopupAsync
//	autoDetectOperator       AutoDetect             getTopupStatus           TopupStatus
//	getOperatorsByCountry    OperatorsByCountry     getAllTransactions       Transactions
//	getFxRate                FXRate                 getTransactionById       Transaction
//	getAllCommissions        Commissions            mnpLookupGet             MNPLookup
//	getCommissionById        Commission             mnpLookupPost            MNPLookupPost
//
// # Money and doubt
//
// Topup and TopupAsync are sent once. Whether a failed one can have reached Reloadly is what Reached tells. The only
// repeat is after a 401 for a stale token, which proves that nothing ran. A 200 proves an order, not a success.
//
// # Quirks
//
//   - Test keys belong to the sandbox host and live keys to the live one; crossed, the token call answers 401.
//   - expires_in was seen as 60 days, a day and an hour, once as text. It is believed, never assumed.
//   - Requests count pages from 1 and answers from 0; page 0 is page 1 again. Sizes above the cap (500 for the report)
//     are cut down in silence. Rows can move between pages.
//   - Amounts change their scale, come with exponents, and sometimes as text. Nothing here is a float.
//   - Scalars are quoted or not as it pleases the page of the documents; empty maps may be empty arrays; a country may
//     come in an array of one, a promotion under "content", a status as a bare transaction.
//   - fxRate is the converted total, not the rate.
//   - customIdentifier is unique with regard to case, the report's filter is not. The uniqueness check is not atomic:
//     parallel orders with one identifier have all been executed. Whoever sends must serialise.
//   - "Already used" is neither success nor failure. An order refused with 4xx does not use its identifier up.
//   - An order for an operator that does not exist is refused with 503 as if it were temporarily out of order.
//   - Errors of the framework (wrong path, some 5xx) have another form than Reloadly's own and no errorCode; from the
//     edge comes HTML or nothing. 404 of a transaction has had three forms.
//   - The report reads startDate and endDate on a clock of its own; transactionDate is UTC now and was not before.
//   - The field of mnpLookupPost that carries the number is "number" or "phone", depending on which document one reads.
//   - No complete call-back body is published; only its signature is sure.
//
// Documents: https://docs.reloadly.com/airtime
package reloadly

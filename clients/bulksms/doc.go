// Package bulksms is the wire client of the BulkSMS JSON REST API v1: sending a text, finding out what became of it,
// and reading the account. It is used to hand out voucher PINs and knows nothing about them.
//
// Facts are from BulkSMS' own OpenAPI description 1.0.0 (http://developer.bulksms.com/json/v1/swagger.yaml) unless a
// comment says otherwise. The provider's separate page of errors could not be read: 429 and 5xx are not described
// anywhere and are treated as passing.
//
// # Quirks
//
//   - A lost answer leaves it open whether the text went out. Sending the same body again with the same
//     deduplication-id within about 12 hours sends nothing new and answers as the first call would have. The id must
//     be unique among all texts of the account in that time: another text with the same id is silently not sent.
//   - userSuppliedId (at most 20 characters) is not checked for uniqueness but can be searched for.
//   - The answer to a send is always a list, with one message for each recipient; status is ACCEPTED there, and some
//     accounts see FAILED there too.
//   - SENT may stay for ever, status reports come twice and in any order, and DELIVERED never goes back.
//   - Error types are URLs, written as …/errors#x or …/errors/#x: only the fragment counts.
//   - The provider stores the text and returns it, so a token for this purpose alone is in order. Texts are of type
//     Secret here and never print.
package bulksms

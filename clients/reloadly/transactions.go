package reloadly

import (
	"context"
	"iter"
	"net/url"
	"strconv"
	"time"
)

// Transaction is one order and what became of it.
type Transaction struct {
	TransactionID Int `json:"transactionId"`
	// Status is one of the Status words; missing in some recordings of 2021.
	Status                Text `json:"status"`
	OperatorTransactionID Text `json:"operatorTransactionId"`
	CustomIdentifier      Text `json:"customIdentifier"`
	// RecipientPhone and SenderPhone are international digits without "+".
	RecipientPhone       Text   `json:"recipientPhone"`
	RecipientEmail       Text   `json:"recipientEmail"`
	SenderPhone          Text   `json:"senderPhone"`
	CountryCode          Text   `json:"countryCode"`
	OperatorID           Int    `json:"operatorId"`
	OperatorName         Text   `json:"operatorName"`
	Discount             Number `json:"discount"`
	DiscountCurrencyCode Text   `json:"discountCurrencyCode"`
	// RequestedAmount is in the order's currency.
	RequestedAmount             Number `json:"requestedAmount"`
	RequestedAmountCurrencyCode Text   `json:"requestedAmountCurrencyCode"`
	// DeliveredAmount is what the phone got.
	DeliveredAmount             Number `json:"deliveredAmount"`
	DeliveredAmountCurrencyCode Text   `json:"deliveredAmountCurrencyCode"`
	// TransactionDate is UTC today and was another zone in the past.
	TransactionDate Text         `json:"transactionDate"`
	Fee             Number       `json:"fee"`
	PINDetail       *PINDetail   `json:"pinDetail"`
	BalanceInfo     *BalanceInfo `json:"balanceInfo"`
}

// PINDetail is the voucher of a PIN operator. Code, Serial and Value are worth money to whoever reads them.
type PINDetail struct {
	Serial   SecretText `json:"serial"`
	Info1    Text       `json:"info1"`
	Info2    Text       `json:"info2"`
	Info3    Text       `json:"info3"`
	Value    SecretText `json:"value"`
	Code     SecretText `json:"code"`
	IVR      Text       `json:"ivr"`
	Validity Text       `json:"validity"`
}

// BalanceInfo is the account before and after. With orders in parallel the two balances may include others'.
type BalanceInfo struct {
	OldBalance   Number `json:"oldBalance"`
	NewBalance   Number `json:"newBalance"`
	Cost         Number `json:"cost"`
	CurrencyCode Text   `json:"currencyCode"`
	CurrencyName Text   `json:"currencyName"`
	UpdatedAt    Text   `json:"updatedAt"`
}

// ReportFilter narrows the report; empty fields do not.
type ReportFilter struct {
	CountryCode  string
	OperatorID   int64
	OperatorName string
	// CustomIdentifier is compared without regard to case: check exact equality on the rows.
	CustomIdentifier string
	// Start and End go together. Reloadly reads them on a clock of its own (UTC-4 was measured): widen them by a
	// day each way and filter the rows.
	Start time.Time
	End   time.Time
}

func (f ReportFilter) query() (url.Values, error) {
	if f.Start.IsZero() != f.End.IsZero() {
		return nil, &RequestError{Field: "startDate", Problem: "goes together with endDate"}
	}
	q := url.Values{}
	q = with(q, "countryCode", f.CountryCode)
	q = with(q, "operatorName", f.OperatorName)
	q = with(q, "customIdentifier", f.CustomIdentifier)
	if f.OperatorID != 0 {
		q = with(q, "operatorId", strconv.FormatInt(f.OperatorID, 10))
	}
	if !f.Start.IsZero() {
		q = with(q, "startDate", f.Start.UTC().Format(time.DateTime))
		q = with(q, "endDate", f.End.UTC().Format(time.DateTime))
	}
	return q, nil
}

func transactionsCall(q url.Values) call {
	return get("/topups/reports/transactions", "/topups/reports/transactions", q)
}

func transactionCall(id int64) call {
	return get("/topups/reports/transactions/{transactionId}", "/topups/reports/transactions/"+strconv.FormatInt(id, 10), nil)
}

// Transactions is getAllTransactions, page by page, oldest first. An error ends the iteration.
// https://docs.reloadly.com/airtime (GET /topups/reports/transactions)
func (c *Client) Transactions(ctx context.Context, f ReportFilter) iter.Seq2[Transaction, error] {
	id := func(t Transaction) int64 { return int64(t.TransactionID) }
	return pages(MaxReportSize, id, func(page, size int) (Page[Transaction], error) {
		return c.TransactionsPage(ctx, f, page, size)
	})
}

// TransactionsPage is one page of getAllTransactions; page counts from 1, size is at most MaxReportSize. An empty
// page that says that there are rows is an error.
func (c *Client) TransactionsPage(ctx context.Context, f ReportFilter, page, size int) (Page[Transaction], error) {
	q, err := f.query()
	if err != nil {
		return Page[Transaction]{}, err
	}
	return decoded(ctx, c, transactionsCall(paging(q, page, size)), decodeReport)
}

// decodeReport refuses pages that contradict themselves and rows without an ID.
func decodeReport(body []byte) (Page[Transaction], error) {
	p, err := decodePage[Transaction](body)
	if err != nil {
		return p, err
	}
	if p.Number == 0 && len(p.Content) == 0 && p.TotalElements > 0 {
		return p, errIncomplete
	}
	for _, t := range p.Content {
		if t.TransactionID <= 0 {
			return p, errIncomplete
		}
	}
	return p, nil
}

// Transaction is getTransactionById: a bare transaction. An unknown ID is an *Error 404.
// https://docs.reloadly.com/airtime (GET /topups/reports/transactions/{transactionId})
func (c *Client) Transaction(ctx context.Context, id int64) (Transaction, error) {
	return decoded(ctx, c, transactionCall(id), DecodeTransaction)
}

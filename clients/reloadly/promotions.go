package reloadly

import (
	"context"
	"iter"
	"net/url"
	"strconv"
	"time"
)

// Promotion is an operator's offer for a time.
type Promotion struct {
	ID          Int  `json:"id"`
	PromotionID Int  `json:"promotionId"`
	OperatorID  Int  `json:"operatorId"`
	Title       Text `json:"title"`
	Title2      Text `json:"title2"`
	// Description may hold HTML.
	Description        Text `json:"description"`
	StartDate          Date `json:"startDate"`
	EndDate            Date `json:"endDate"`
	Denominations      Text `json:"denominations"`
	LocalDenominations Text `json:"localDenominations"`
}

// Key is the promotion's ID from whichever field has it.
func (p Promotion) Key() int64 { return int64(max(p.PromotionID, p.ID)) }

// Date is a moment as received. Its form changed over the years, so the text is kept.
type Date string

// UnmarshalJSON reads any scalar.
func (d *Date) UnmarshalJSON(b []byte) error { return (*Text)(d).UnmarshalJSON(b) }

// dateLayouts are the forms seen: RFC 1123 with zone (documents), plain (2021), ISO (since 2025).
var dateLayouts = [...]string{time.RFC1123Z, time.DateTime, time.RFC3339}

// Time reads the date, as UTC where it names no zone. ok is false for a form not seen before.
func (d Date) Time() (t time.Time, ok bool) {
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, string(d)); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func promotionsCall(q url.Values) call { return get("/promotions", "/promotions", q) }

func promotionCall(id int64, q url.Values) call {
	return get("/promotions/{promotionId}", "/promotions/"+strconv.FormatInt(id, 10), q)
}

func promotionsByCountryCall(iso string, q url.Values) call {
	return get("/promotions/country-codes/{iso}", "/promotions/country-codes/"+segment(iso), q)
}

func promotionsByOperatorCall(id int64, q url.Values) call {
	return get("/promotions/operators/{operatorId}", "/promotions/operators/"+strconv.FormatInt(id, 10), q)
}

func language(code string) url.Values { return with(nil, "languageCode", code) }

// Promotions is getAllPromotions, page by page, in a language such as "EN" ("" for Reloadly's default).
// https://docs.reloadly.com/airtime (GET /promotions)
func (c *Client) Promotions(ctx context.Context, lang string) iter.Seq2[Promotion, error] {
	return pages(catalogueSize, Promotion.Key, func(page, size int) (Page[Promotion], error) {
		return c.PromotionsPage(ctx, lang, page, size)
	})
}

// PromotionsPage is one page of getAllPromotions; page counts from 1.
func (c *Client) PromotionsPage(ctx context.Context, lang string, page, size int) (Page[Promotion], error) {
	return decoded(ctx, c, promotionsCall(paging(language(lang), page, size)), decodePage[Promotion])
}

// Promotion is getPromotionById. An unknown ID is an *Error 404 without code.
// https://docs.reloadly.com/airtime (GET /promotions/{promotionId})
func (c *Client) Promotion(ctx context.Context, id int64, lang string) (Promotion, error) {
	return one[Promotion](ctx, c, promotionCall(id, language(lang)))
}

// PromotionsByCountry is getPromotionsByCountry.
// https://docs.reloadly.com/airtime (GET /promotions/country-codes/{iso})
func (c *Client) PromotionsByCountry(ctx context.Context, iso, lang string) ([]Promotion, error) {
	iso, err := cleanISO(iso)
	if err != nil {
		return nil, err
	}
	return many[Promotion](ctx, c, promotionsByCountryCall(iso, language(lang)))
}

// PromotionsByOperator is getPromotionsByOperator.
// https://docs.reloadly.com/airtime (GET /promotions/operators/{operatorId})
func (c *Client) PromotionsByOperator(ctx context.Context, operatorID int64, lang string) ([]Promotion, error) {
	return many[Promotion](ctx, c, promotionsByOperatorCall(operatorID, language(lang)))
}

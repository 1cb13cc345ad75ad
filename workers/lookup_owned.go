package workers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"topupq/topup"
)

// lookupLedger tells whose a top-up is.
type lookupLedger interface {
	GetMany(ctx context.Context, ids []topup.ID) ([]*topup.Topup, error)
	TopupByTransaction(ctx context.Context, p topup.ProviderName, transaction string) (topup.ID, error)
}

// notYours is the answer to a question about somebody else's top-up: the same as for one that does not exist.
var notYours = &topup.LookupError{Code: "not_found", Message: "There is no such top-up of yours."}

// ownedAction is what the provider's traits say of the action, nil where it does not tell of top-ups or where it is
// not a merchant who asks.
func ownedAction(traits topup.Traits, l *topup.Lookup) *topup.OwnedAction {
	i := slices.IndexFunc(traits.Owned, func(o topup.OwnedAction) bool { return o.Action == l.Action })
	if i < 0 || l.Merchant == "" {
		return nil
	}
	return &traits.Owned[i]
}

// subject is the top-up that a question names, nil where it names none that we know. known reports whether the
// provider need not be asked to find out. The error is the store's.
func (h *Lookup) subject(ctx context.Context, o *topup.OwnedAction, l *topup.Lookup) (t *topup.Topup, known bool, err error) {
	var id topup.ID
	switch {
	case o.Reference != "":
		id, known = topup.ID(paramText(l.Params, o.Reference)), true
	case o.Transaction != "":
		id, err = h.cfg.Ledger.TopupByTransaction(ctx, l.Provider, paramText(l.Params, o.Transaction))
		if errors.Is(err, topup.ErrNotFound) {
			return nil, o.Told == "", nil
		}
		known = true
	}
	if err != nil || !id.Valid() {
		return nil, known, err
	}
	found, err := h.cfg.Ledger.GetMany(ctx, []topup.ID{id})
	if err != nil {
		return nil, known, err
	}
	return found[0], known, nil
}

// owned runs a question about top-ups and lets through what is the merchant's own.
func (h *Lookup) owned(ctx context.Context, o *topup.OwnedAction, l *topup.Lookup) (json.RawMessage, *topup.LookupError, error) {
	t, known, err := h.subject(ctx, o, l)
	if err != nil {
		return nil, nil, err
	}
	single := o.Rows == ""
	if single && (known || t != nil) && !l.Owns(t) {
		return nil, notYours, nil
	}
	result, failure := h.ask(ctx, l)
	if failure != nil && single && t == nil && !failure.Retryable && failure.Code == "provider_refused" {
		return nil, notYours, nil // what does not exist looks like what is somebody else's
	}
	if failure != nil {
		return nil, failure, nil
	}
	if !single {
		return h.ownRows(ctx, o, l, result)
	}
	if t == nil {
		if t, err = h.toldTopup(ctx, o, result); err != nil {
			return nil, nil, err
		}
	}
	if !l.Owns(t) || !aboutNumber(o, t, result) {
		return nil, notYours, nil
	}
	return result, nil, nil
}

// toldTopup is the top-up whose reference an answer tells, nil where it tells none that we know.
func (h *Lookup) toldTopup(ctx context.Context, o *topup.OwnedAction, result json.RawMessage) (*topup.Topup, error) {
	answer, err := decodeAnswer(result)
	if err != nil {
		return nil, nil //nolint:nilerr // an answer that cannot be read tells of no top-up
	}
	id := topup.ID(member(answer, o.Told))
	if !id.Valid() {
		return nil, nil
	}
	found, err := h.cfg.Ledger.GetMany(ctx, []topup.ID{id})
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// ownRows takes everybody else's rows out of a list.
func (h *Lookup) ownRows(ctx context.Context, o *topup.OwnedAction, l *topup.Lookup, result json.RawMessage) (json.RawMessage, *topup.LookupError, error) {
	answer, err := decodeAnswer(result)
	page, isObject := answer.(map[string]any)
	rows, isList := page[o.Rows].([]any)
	if err != nil || !isObject || !isList {
		return nil, unreadableLookup(), nil
	}
	var ids []topup.ID
	for _, row := range rows {
		if id := topup.ID(member(row, o.Told)); id.Valid() {
			ids = append(ids, id)
		}
	}
	found, err := h.cfg.Ledger.GetMany(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	own := map[topup.ID]bool{}
	for _, t := range found {
		if l.Owns(t) {
			own[t.ID] = true
		}
	}
	page[o.Rows] = slices.DeleteFunc(rows, func(row any) bool { return !own[topup.ID(member(row, o.Told))] })
	for _, name := range o.Totals {
		delete(page, name)
	}
	filtered, err := json.Marshal(page)
	if err != nil {
		return nil, unreadableLookup(), nil
	}
	return filtered, nil, nil
}

// aboutNumber reports whether an answer is about the top-up's number, where it tells one: a provider may show the last
// transaction where there is none of ours.
func aboutNumber(o *topup.OwnedAction, t *topup.Topup, result json.RawMessage) bool {
	if o.Recipient == "" {
		return true
	}
	answer, err := decodeAnswer(result)
	if err != nil {
		return false
	}
	told := strings.TrimPrefix(member(answer, o.Recipient), "+")
	return told == "" || strings.HasSuffix(t.Recipient.Digits(), strings.TrimPrefix(told, "0"))
}

func decodeAnswer(result json.RawMessage) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(result))
	dec.UseNumber()
	err = dec.Decode(&v)
	return v, err
}

// member is the text at a path of members, "" where there is none.
func member(v any, path string) string {
	for _, name := range strings.Split(path, ".") {
		fields, ok := v.(map[string]any)
		if !ok {
			return ""
		}
		v = fields[name]
	}
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	default:
		return ""
	}
}

// paramText is a parameter as text, by a name in any case: some providers do not mind it.
func paramText(params map[string]any, name string) string {
	for given, v := range params {
		if !strings.EqualFold(given, name) {
			continue
		}
		switch v := v.(type) {
		case string:
			return strings.TrimSpace(v)
		case json.Number:
			return v.String()
		case float64:
			text, err := json.Marshal(v)
			if err == nil {
				return string(text)
			}
		}
	}
	return ""
}

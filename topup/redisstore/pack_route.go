package redisstore

import (
	"strings"

	"topupq/topup"
)

// route packs who else may send the top-up, and what is known of its price and network.
func (p *packer) route(t *topup.Topup) {
	var alternates []byte
	for _, name := range t.Alternates {
		alternates = append(alternates, byte(providerNumber(name)))
	}
	p.text(fAlternates, string(alternates))
	p.number(fHome, providerNumber(t.Home))
	p.money(fPredicted, t.Predicted)
	p.text(fNetwork, t.Network)
}

// setRoute is the inverse of packer.route; what nobody knows is kept in extra.
func setRoute(t *topup.Topup, f field, extra *strings.Builder) (err error) {
	switch f.n {
	case fAlternates:
		for _, n := range []byte(f.text) {
			name, err := providerName(uint64(n))
			if err != nil {
				return err
			}
			t.Alternates = append(t.Alternates, name)
		}
	case fHome:
		t.Home, err = providerName(f.num)
	case fPredicted:
		t.Predicted, err = unpackMoney(f.text)
	case fNetwork:
		t.Network = f.text
	case fWithheld:
		t.Withheld = f.num != 0
	case fCounted:
		t.Counted = f.num != 0
	case fPriority:
		t.Priority = topup.Priority(f.num)
	default:
		extra.WriteString(f.raw)
	}
	return err
}

// failureMessage is a failure's sentence where it is not the one that its code has anyway.
func failureMessage(f *topup.Failure) string {
	if f.Message == topup.FailureText(f.Code) {
		return ""
	}
	return f.Message
}

func unpackFailure(s string) (*topup.Failure, error) {
	out := &topup.Failure{}
	err := fields(s, func(f field) error {
		switch f.n {
		case 1:
			out.Code = topup.Code(f.word())
		case 2:
			out.ProviderCode = f.text
		case 3:
			out.Message = f.text
		}
		return nil
	})
	if out.Message == "" {
		out.Message = topup.FailureText(out.Code)
	}
	return out, err
}

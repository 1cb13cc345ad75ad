package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// submitPlan is what the text form tells of a validation's plan.
type submitPlan struct {
	FinishesAt time.Time `json:"finishes_at"`
	Providers  []struct {
		Provider      string `json:"provider"`
		Rows          int64  `json:"rows"`
		RunsOutAtLine *int   `json:"runs_out_at_line"`
		Balance       *struct {
			Amount   string `json:"amount"`
			Currency string `json:"currency"`
		} `json:"balance"`
	} `json:"providers"`
	LikelyDuplicates struct {
		Rows  int64 `json:"rows"`
		First []struct {
			Line int `json:"line"`
		} `json:"first"`
	} `json:"likely_duplicates"`
	OverLimit *struct {
		Rows      int64            `json:"rows"`
		FirstLine int              `json:"first_line"`
		Codes     map[string]int64 `json:"codes"`
	} `json:"over_limit"`
}

// planFields are a plan as lines of a summary; none for an intake that makes no plans.
func planFields(raw json.RawMessage) ([][2]string, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var p submitPlan
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	var out [][2]string
	for _, part := range p.Providers {
		text := strconv.FormatInt(part.Rows, 10) + " rows"
		if b := part.Balance; b != nil && part.RunsOutAtLine != nil {
			text += fmt.Sprintf("; the balance of %s %s does not pay for line %d any more", b.Currency, b.Amount, *part.RunsOutAtLine)
		}
		out = append(out, [2]string{part.Provider, text})
	}
	if len(p.Providers) > 0 {
		out = append(out, [2]string{"all sent by", p.FinishesAt.UTC().Format("2006-01-02 15:04:05 UTC")})
	}
	if d := p.LikelyDuplicates; d.Rows > 0 && len(d.First) > 0 {
		out = append(out, [2]string{"likely duplicates", fmt.Sprintf("%d rows, the first in line %d", d.Rows, d.First[0].Line)})
	}
	if o := p.OverLimit; o != nil {
		var codes []string
		for _, code := range sortedKeys(o.Codes) {
			codes = append(codes, fmt.Sprintf("%d %s", o.Codes[code], code))
		}
		out = append(out, [2]string{"above your limits", fmt.Sprintf("%d rows, the first in line %d: %s", o.Rows, o.FirstLine, strings.Join(codes, ", "))})
	}
	return out, nil
}

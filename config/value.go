package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value is one setting as it was written. text is the whole of it, with list items joined by commas; items are
// the list's own, where it was written as one, so that they may hold commas.
type value struct {
	text   string
	items  []string
	secret bool
}

// list is the items, trimmed, without empty ones.
func (v value) list() []string {
	items := v.items
	if items == nil {
		items = strings.Split(v.text, ",")
	}
	var out []string
	for _, s := range items {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// shown is the text as an error may quote it.
func (v value) shown() string {
	if v.secret {
		return "the value"
	}
	return strconv.Quote(v.text)
}

// A binding checks a value and stores it. Its error says what is wrong and how to write it.
type binding func(v value) error

func text(to *string) binding {
	return func(v value) error { *to = v.text; return nil }
}

func secretText(to *Secret) binding {
	return func(v value) error { *to = Secret(v.text); return nil }
}

func oneOf(to *string, allowed ...string) binding {
	return func(v value) error {
		i := slices.IndexFunc(allowed, func(a string) bool { return strings.EqualFold(a, v.text) })
		if i < 0 {
			return fmt.Errorf("%s is not one of %s", v.shown(), strings.Join(allowed, ", "))
		}
		*to = allowed[i]
		return nil
	}
}

func yesNo(to *bool) binding {
	return func(v value) error {
		b, err := strconv.ParseBool(strings.ToLower(v.text))
		if err != nil {
			return fmt.Errorf("%s is neither true nor false", v.shown())
		}
		*to = b
		return nil
	}
}

func number(to *int, low, high int) binding {
	return func(v value) error {
		n, err := strconv.Atoi(v.text)
		if err != nil || n < low || n > high {
			return fmt.Errorf("%s must be a whole number from %d to %d", v.shown(), low, high)
		}
		*to = n
		return nil
	}
}

func duration(to *time.Duration, low, high time.Duration) binding {
	return func(v value) error {
		d, err := parseDuration(v.text, low, high)
		if err != nil {
			return err
		}
		*to = d
		return nil
	}
}

func parseDuration(s string, low, high time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration: write a number with a unit, such as 500ms, 90s, 5m or 1h", s)
	}
	if d < low || d > high {
		return 0, fmt.Errorf("%q must be from %s to %s", s, short(low), short(high))
	}
	return d, nil
}

// short is a duration without its zero tail: "1h" for "1h0m0s".
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// durations reads a list; ascending asks for each to be longer than the one before.
func durations(to *[]time.Duration, ascending bool, low, high time.Duration) binding {
	return func(v value) error {
		var out []time.Duration
		for _, s := range v.list() {
			d, err := parseDuration(s, low, high)
			if err != nil {
				return err
			}
			if n := len(out); ascending && n > 0 && d <= out[n-1] {
				return fmt.Errorf("%q must be longer than the %s before it", s, short(out[n-1]))
			}
			out = append(out, d)
		}
		if len(out) == 0 {
			return errors.New("the list is empty: write durations separated by commas, such as 10s,1m,5m")
		}
		*to = out
		return nil
	}
}

func words(to *[]string) binding {
	return func(v value) error { *to = v.list(); return nil }
}

func timeOfDay(to *time.Duration) binding {
	return func(v value) error {
		for _, layout := range []string{"15:04", "15:04:05"} {
			if t, err := time.Parse(layout, v.text); err == nil {
				*to = t.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC))
				return nil
			}
		}
		return fmt.Errorf("%s is not a time of day: write HH:MM or HH:MM:SS, 00:00 to 23:59:59", v.shown())
	}
}

func location(to **time.Location) binding {
	return func(v value) error {
		loc, err := time.LoadLocation(v.text)
		if err != nil || v.text == "" || v.text == "Local" {
			return fmt.Errorf("%s is not a time zone: write an IANA name such as Africa/Johannesburg or UTC", v.shown())
		}
		*to = loc
		return nil
	}
}

func pattern(to **regexp.Regexp) binding {
	return func(v value) error {
		re, err := regexp.Compile(v.text)
		if err != nil {
			return fmt.Errorf("%s is not a regular expression: %w", v.shown(), err)
		}
		*to = re
		return nil
	}
}

var moneyLimit = regexp.MustCompile(`^[0-9]{1,15}(\.[0-9]{1,5})?( +[A-Za-z]{3})?$`)

// moneyLimits checks amounts, each with or without a currency; whoever uses them takes them apart.
func moneyLimits(to *string) binding {
	return func(v value) error {
		for _, s := range v.list() {
			if !moneyLimit.MatchString(s) {
				return fmt.Errorf("%q is no limit: write an amount and a currency, such as 1000 ZAR", s)
			}
		}
		*to = strings.Join(v.list(), ", ")
		return nil
	}
}

package main

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"topupq/topup"
)

// noLimit takes a limit away.
const noLimit = "none"

func newMerchantLimits(d deps) *cobra.Command {
	var f limitFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use: "limits ID|NAME", Short: "Bound what a merchant may hand in; without flags show the limits and what is used of them",
		Long: `A number bounds top-ups; an amount is a currency and a sum, such as ZAR:5000, repeatable. "none" takes a limit away, of
one currency as ZAR:none. Days are UTC. Intakes follow within a few seconds.`,
		Example: "  topupq merchant limits \"Corner shop\" --topups-per-day 10000 --amount-per-day ZAR:50000\n" +
			"  topupq merchant limits \"Corner shop\" --credit ZAR:20000\n  topupq merchant limits \"Corner shop\" --credit ZAR:none",
		Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			changes, err := f.changes(cmd)
			if err != nil {
				return err
			}
			return openNode(cmd, d, func(ctx context.Context, n *node) error {
				m, err := findMerchant(ctx, n, args[0])
				if err == nil && len(changes) > 0 {
					m, err = changeMerchant(ctx, n, args[0], func(m *topup.Merchant) {
						for _, change := range changes {
							change(&m.Limits)
						}
					})
				}
				if err != nil {
					return err
				}
				return showLimits(ctx, cmd, n, m, asJSON)
			})
		},
	}
	f.bind(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newMerchantPaid(d deps) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "paid ID|NAME CURRENCY:SUM", Short: "Record a merchant's payment, which frees that much of its credit",
		Example: "  topupq merchant paid \"Corner shop\" ZAR:12000", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			currency, text, _ := strings.Cut(args[1], ":")
			sum, err := topup.ParseAmount(text)
			if err != nil || len(currency) != 3 || strings.ToUpper(currency) != currency {
				return usageError("write the payment as a currency and a sum, such as ZAR:12000")
			}
			return openNode(cmd, d, func(ctx context.Context, n *node) error {
				m, err := changeMerchant(ctx, n, args[0], func(m *topup.Merchant) {
					paid := topup.Sums{}
					maps.Copy(paid, m.Limits.Paid)
					paid.Add(currency, sum)
					m.Limits.Paid = paid
				})
				if err != nil {
					return err
				}
				return showLimits(ctx, cmd, n, m, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// limitFlags are the limits as they are written on the command line.
type limitFlags struct {
	numbers map[string]*string
	sums    map[string]*[]string
}

func (f *limitFlags) bind(cmd *cobra.Command) {
	f.numbers, f.sums = map[string]*string{}, map[string]*[]string{}
	number := func(name, usage string) { f.numbers[name] = cmd.Flags().String(name, "", usage) }
	sum := func(name, usage string) { f.sums[name] = cmd.Flags().StringArray(name, nil, usage) }
	number("requests-per-second", "requests to the API, per intake process")
	number("topups-per-day", "top-ups accepted in a day")
	sum("amount-per-day", "amount accepted in a day, such as ZAR:5000")
	number("number-topups-per-day", "top-ups of one recipient in a day")
	sum("number-amount-per-day", "amount of one recipient in a day")
	number("batch-topups", "top-ups accepted of one batch")
	sum("batch-amount", "amount accepted of one batch")
	sum("credit", "amount accepted, not failed and not paid for")
}

// changes are what the flags that were given do to limits.
func (f *limitFlags) changes(cmd *cobra.Command) ([]func(*topup.Limits), error) {
	var out []func(*topup.Limits)
	for _, name := range slices.Sorted(maps.Keys(f.numbers)) {
		if !cmd.Flags().Changed(name) {
			continue
		}
		n, err := strconv.ParseInt(*f.numbers[name], 10, 32)
		if *f.numbers[name] == noLimit {
			n, err = 0, nil
		} else if err == nil && n <= 0 {
			return nil, usageError("--%s: write a number above 0, or none", name)
		}
		if err != nil {
			return nil, usageError("--%s: write a number above 0, or none", name)
		}
		out = append(out, func(l *topup.Limits) { setNumber(l, name, n) })
	}
	for _, name := range slices.Sorted(maps.Keys(f.sums)) {
		for _, text := range *f.sums[name] {
			currency, amount, _ := strings.Cut(text, ":")
			sum, err := topup.ParseAmount(amount)
			if amount == noLimit {
				err = nil
			}
			if err != nil || len(currency) != 3 || strings.ToUpper(currency) != currency {
				return nil, usageError("--%s: write a currency and a sum, such as ZAR:5000, or ZAR:none", name)
			}
			out = append(out, func(l *topup.Limits) {
				at := sumsOf(l, name)
				next := topup.Sums{}
				maps.Copy(next, *at)
				if next[currency] = sum; amount == noLimit {
					delete(next, currency)
				}
				*at = next
			})
		}
	}
	return out, nil
}

func setNumber(l *topup.Limits, name string, n int64) {
	switch name {
	case "requests-per-second":
		l.RequestsPerSecond = int(n)
	case "topups-per-day":
		l.TopupsPerDay = n
	case "number-topups-per-day":
		l.NumberTopupsPerDay = n
	case "batch-topups":
		l.BatchTopups = n
	}
}

func sumsOf(l *topup.Limits, name string) *topup.Sums {
	switch name {
	case "amount-per-day":
		return &l.AmountPerDay
	case "number-amount-per-day":
		return &l.NumberAmountPerDay
	case "batch-amount":
		return &l.BatchAmount
	default:
		return &l.Credit
	}
}

// limitsLine is a merchant's limits and what is used of them.
type limitsLine struct {
	ID     topup.MerchantID `json:"id"`
	Name   string           `json:"name"`
	Limits topup.Limits     `json:"limits"`
	Today  usedLine         `json:"today"`
	// Owed is what was accepted, did not fail and is not paid for.
	Owed topup.Sums `json:"owed"`
}

type usedLine struct {
	Topups  int64      `json:"topups"`
	Amounts topup.Sums `json:"amounts"`
}

func showLimits(ctx context.Context, cmd *cobra.Command, n *node, m *topup.Merchant, asJSON bool) error {
	used, err := n.store.Used(ctx, m.ID, n.clock.Now())
	if err != nil {
		return err
	}
	line := limitsLine{ID: m.ID, Name: m.Name, Limits: m.Limits, Today: usedLine{used.Topups, used.Amounts}, Owed: topup.Sums{}}
	for currency, sum := range used.Credit {
		line.Owed[currency] = sum.Sub(m.Limits.Paid[currency])
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), line)
	}
	l := m.Limits
	return printFields(cmd.OutOrStdout(), [][2]string{
		{"merchant", string(m.ID) + " " + m.Name},
		{"requests per second", numberText(int64(l.RequestsPerSecond))},
		{"top-ups per day", numberText(l.TopupsPerDay) + ", today " + strconv.FormatInt(used.Topups, 10)},
		{"amount per day", sumsText(l.AmountPerDay) + ", today " + sumsText(used.Amounts)},
		{"of one number per day", numberText(l.NumberTopupsPerDay) + " top-ups, " + sumsText(l.NumberAmountPerDay)},
		{"of one batch", numberText(l.BatchTopups) + " top-ups, " + sumsText(l.BatchAmount)},
		{"credit", sumsText(l.Credit) + ", owed " + sumsText(line.Owed)},
	})
}

func numberText(n int64) string {
	if n == 0 {
		return "no limit"
	}
	return strconv.FormatInt(n, 10)
}

func sumsText(s topup.Sums) string {
	if len(s) == 0 {
		return "none"
	}
	parts := []string{}
	for _, currency := range slices.Sorted(maps.Keys(s)) {
		parts = append(parts, currency+" "+s[currency].StringFixed(topup.CurrencyPlaces(currency)))
	}
	return strings.Join(parts, ", ")
}

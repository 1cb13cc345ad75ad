package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"topupq/config"
	"topupq/operator"
	"topupq/ops"
	"topupq/topup"
)

// actFlags are what replay, cancel and resolve have in common.
type actFlags struct {
	provider, merchant, batch, code, recipient, providerID string
	states                                                 []string
	from, to                                               string
	limit                                                  int
	apply, asJSON                                          bool
	reason, as                                             string
}

// bindChoice adds the flags that choose top-ups.
func (f *actFlags) bindChoice(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.provider, "provider", "", "only this provider: reloadly, aat, rechargekit")
	fl.StringSliceVar(&f.states, "state", nil, "only these states; repeatable")
	fl.StringVar(&f.code, "code", "", "only this code: ours (float_empty) or the provider's")
	fl.StringVar(&f.batch, "batch", "", "only this batch")
	fl.StringVar(&f.merchant, "merchant", "", "only this merchant")
	fl.StringVar(&f.recipient, "recipient", "", "only this number, E.164")
	fl.StringVar(&f.providerID, "provider-id", "", "only this ID of the provider's or the mobile operator's")
	fl.StringVar(&f.from, "since", "", "made at or after: 2026-11-23, 2026-11-23T08:00:00Z, or 2h for two hours ago")
	fl.StringVar(&f.to, "until", "", "made before, written likewise")
	fl.IntVar(&f.limit, "limit", operator.DefaultLimit, "at most so many top-ups")
	fl.BoolVar(&f.asJSON, "json", false, "print JSON")
	f.bindAct(cmd)
}

// bindAct adds the flags of every act.
func (f *actFlags) bindAct(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&f.apply, "apply", false, "do it; without this nothing is touched")
	fl.StringVar(&f.reason, "reason", "", "why, kept with every top-up and in the audit log; required with --apply")
	fl.StringVar(&f.as, "as", "", "act as this ops user; the password is read from TOPUPQ_OPERATOR_PASSWORD or standard input")
}

// filter reads the flags and the arguments: IDs, or one reference.
func (f *actFlags) filter(args []string, now time.Time) (operator.Filter, error) {
	out := operator.Filter{Merchant: topup.MerchantID(f.merchant), Batch: topup.BatchID(f.batch), Code: topup.Code(f.code), ProviderID: f.providerID}
	for _, a := range args {
		switch {
		case topup.ID(a).Valid():
			out.IDs = append(out.IDs, topup.ID(a))
		case topup.ValidReference(a) && len(args) == 1:
			out.Reference = a
		default:
			return out, usageError("%q is neither a top-up's ID nor a single reference", clean(a))
		}
	}
	var err error
	if f.provider != "" {
		if out.Provider, err = topup.ParseProvider(f.provider); err != nil {
			return out, usageError("--provider: %w", err)
		}
	}
	for _, name := range f.states {
		s, err := topup.ParseState(name)
		if err != nil {
			return out, usageError("--state: %w", err)
		}
		out.States = append(out.States, s)
	}
	if f.recipient != "" {
		if !topup.ValidMSISDN(f.recipient) {
			return out, usageError("--recipient: write E.164, such as +27831234567")
		}
		out.Recipient = topup.MSISDN(f.recipient)
	}
	if out.From, err = parseMoment(f.from, now); err != nil {
		return out, usageError("--since: %w", err)
	}
	if out.To, err = parseMoment(f.to, now); err != nil {
		return out, usageError("--until: %w", err)
	}
	return out, nil
}

// parseMoment reads a day, a time, or a duration before now; "" is the zero time.
func parseMoment(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write 2026-11-23, 2026-11-23T08:00:00Z or 2h", s)
}

// operatorPassword is the variable that --as reads before it asks.
const operatorPassword = "TOPUPQ_OPERATOR_PASSWORD"

// person is who acts: an ops user who has shown a password, or whoever is logged in to the machine.
func (f *actFlags) person(d deps, cfg config.Config) (operator.Person, error) {
	account := "unknown"
	if u, err := user.Current(); err == nil {
		account = u.Username
	}
	if f.as == "" {
		return operator.Person{Name: "os:" + account, Role: "shell", Remote: "cli"}, nil
	}
	password := d.getenv(operatorPassword)
	if password == "" {
		read, err := readPassword(d)
		if err != nil {
			return operator.Person{}, err
		}
		password = read.Reveal()
	}
	u, err := ops.Authenticate(opsUsers(cfg), f.as, topup.Secret(password))
	if err != nil {
		return operator.Person{}, &exitError{code: exitUsage, err: fmt.Errorf("--as %s: %w", clean(f.as), err)}
	}
	if !u.Role.MayAct() {
		return operator.Person{}, usageError("--as %s: a viewer may only read", clean(f.as))
	}
	return operator.Person{Name: u.Name, Role: string(u.Role), Remote: "cli as " + account, Proven: true}, nil
}

// atDesk opens the operators' desk and hands it to do. An act over many top-ups may take its time.
func atDesk(cmd *cobra.Command, d deps, f *actFlags, do func(ctx context.Context, desk *operator.Desk, by operator.Person) error) error {
	cfg, err := loadConfig(cmd, d)
	if err != nil {
		return err
	}
	by, err := f.person(d, cfg)
	if err != nil {
		return err
	}
	n, err := newNode(cmd.Context(), cfg, zap.NewNop(), "")
	if err != nil {
		return err
	}
	defer n.stop()
	desk, err := n.desk()
	if err != nil {
		return err
	}
	err = do(cmd.Context(), desk, by)
	var refused *operator.Refusal
	switch {
	case errors.As(err, &refused):
		return usageError("%s", refused.Why)
	case errors.Is(err, topup.ErrUnavailable):
		return fmt.Errorf("the ledger's Redis (TOPUPQ_REDIS_URL) cannot be used: %w", err)
	default:
		return err
	}
}

// clerk is the hand that --apply asks for.
func (f *actFlags) clerk(desk *operator.Desk) *operator.Clerk {
	if f.apply {
		return desk.Apply()
	}
	return desk.Preview()
}

// desk is where operators step in, on this node's store.
func (n *node) desk() (*operator.Desk, error) {
	limits, err := operator.ParseLimits(n.cfg.TwoPeopleAbove)
	if err != nil {
		return nil, &exitError{code: exitUsage, err: fmt.Errorf("TOPUPQ_TWO_PEOPLE_ABOVE: %w", err)}
	}
	var store operator.Store = n.store
	if n.watched != nil {
		store = n.watched
	}
	return operator.New(operator.Config{Now: n.clock.Now, Store: store, Bell: n.bell, Providers: configured(n.cfg), TwoPeopleAbove: limits})
}

// configured are the providers with credentials.
func configured(cfg config.Config) []topup.ProviderName {
	var out []topup.ProviderName
	for name, on := range map[topup.ProviderName]bool{
		topup.Reloadly: cfg.Reloadly.Enabled(), topup.AAT: cfg.AAT.Enabled(), topup.RechargeKit: cfg.RechargeKit.Enabled(),
	} {
		if on {
			out = append(out, name)
		}
	}
	return out
}

// opsUsers are the users of the settings, as ops knows them.
func opsUsers(cfg config.Config) []ops.User {
	var users []ops.User
	for _, u := range cfg.OpsUsers {
		users = append(users, ops.User{Name: u.Name, Password: topup.Secret(u.Password.Reveal()), Role: ops.Role(u.Role)})
	}
	return users
}

// opsOIDC is the login at an issuer, nil where there is none.
func opsOIDC(cfg config.Config) *ops.OIDC {
	o := cfg.OIDC
	if !o.Enabled() {
		return nil
	}
	roles := map[string]ops.Role{}
	for word, role := range o.Roles {
		roles[word] = ops.Role(role)
	}
	return &ops.OIDC{
		Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: topup.Secret(o.ClientSecret.Reveal()), RedirectURL: o.RedirectURL,
		Scopes: o.Scopes, NameClaim: o.NameClaim, RoleClaim: o.RoleClaim, Roles: roles,
	}
}

// exitPartly says that some top-ups could not be done.
const exitPartly = 3

// printReport shows every row and the sums, and fails where something went wrong.
func printReport(cmd *cobra.Command, r *operator.Report, asJSON bool) error {
	if asJSON {
		if err := printJSON(cmd.OutOrStdout(), reportView(r)); err != nil {
			return err
		}
	} else if err := printRows(cmd, r); err != nil {
		return err
	}
	if _, _, failed := r.Acting(); failed > 0 {
		return &exitError{code: exitPartly, err: fmt.Errorf("%d could not be done", failed)}
	}
	return nil
}

func printRows(cmd *cobra.Command, r *operator.Report) error {
	w := cmd.OutOrStdout()
	rows := make([][]string, len(r.Rows))
	for i, row := range r.Rows {
		verdict := string(row.Verdict)
		switch {
		case row.Failed != "":
			verdict = "failed: " + row.Failed
		case row.Done:
			verdict = strings.Replace(verdict, "will ", "done: ", 1)
		}
		rows[i] = []string{string(row.ID), row.Reference, row.State.String(), row.Amount.String(), verdict, row.Why}
	}
	if len(rows) > 0 {
		if err := printTable(w, []string{"ID", "REFERENCE", "STATE", "AMOUNT", "VERDICT", "WHY"}, rows); err != nil {
			return err
		}
	}
	fmt.Fprintln(w, r.Summary())
	if r.More {
		fmt.Fprintln(w, "There are more: raise --limit, or order again.")
	}
	if acting, _, _ := r.Acting(); !r.Applied && acting > 0 {
		fmt.Fprintln(w, "This is a preview; nothing was touched. Add --apply --reason \"…\" to do it.")
	}
	return nil
}

// rowView and reportJSON are the report as JSON.
type rowView struct {
	ID        topup.ID `json:"id"`
	Reference string   `json:"reference"`
	State     string   `json:"state"`
	Amount    string   `json:"amount"`
	Currency  string   `json:"currency"`
	Verdict   string   `json:"verdict"`
	Why       string   `json:"why"`
	Done      bool     `json:"done"`
	Failed    string   `json:"failed,omitempty"`
}

type reportJSON struct {
	Applied bool      `json:"applied"`
	Summary string    `json:"summary"`
	More    bool      `json:"more"`
	Rows    []rowView `json:"rows"`
}

func reportView(r *operator.Report) reportJSON {
	out := reportJSON{Applied: r.Applied, Summary: r.Summary(), More: r.More, Rows: []rowView{}}
	for _, row := range r.Rows {
		out.Rows = append(out.Rows, rowView{
			row.ID, row.Reference, row.State.String(), row.Amount.Text(), row.Amount.Currency,
			string(row.Verdict), row.Why, row.Done, row.Failed,
		})
	}
	return out
}

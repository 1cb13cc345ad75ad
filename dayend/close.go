package dayend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/hibiken/asynq"
	"go.uber.org/zap"

	"topupq/archive"
	"topupq/jobs"
	"topupq/reconcile"
	"topupq/topup"
)

// balanceTimeout bounds the reading of a balance.
const balanceTimeout = 30 * time.Second

// Errors as asynq stores and shows them: fixed words, never a cause, which could name a secret.
var (
	errStoreAway = errors.New("store_unavailable")
	errDay       = errors.New("day_not_closed")
	errPanic     = errors.New("panic")
)

// ProcessTask implements asynq.Handler.
func (c *Closer) ProcessTask(ctx context.Context, task *asynq.Task) (err error) {
	d, err := jobs.DayOf(task)
	if err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			c.cfg.Log.Error("handler panicked", zap.String("kind", task.Type()), zap.ByteString("stack", debug.Stack()))
			err = errPanic
		}
	}()
	switch d.Act {
	case jobs.ActBalance:
		err = c.readBalance(ctx, d.Provider)
	case jobs.ActClose:
		err = c.Close(ctx, d.Provider, d.Date)
	case jobs.ActForget:
		_, err = c.Forget(ctx, d.Provider, d.Date)
	default:
		return fmt.Errorf("unknown act: %w", asynq.SkipRetry)
	}
	if err == nil {
		return nil
	}
	c.cfg.Log.Warn("day's task failed", zap.String("task", d.String()), zap.Error(err))
	switch {
	case errors.Is(err, ErrNoProvider):
		return fmt.Errorf("provider_not_configured: %w", asynq.SkipRetry)
	case errors.Is(err, topup.ErrUnavailable):
		return errStoreAway
	}
	return errDay
}

func (c *Closer) readBalance(ctx context.Context, p topup.ProviderName) error {
	provider, ok := c.cfg.Providers[p]
	if !ok {
		return ErrNoProvider
	}
	ctx, cancel := context.WithTimeout(ctx, balanceTimeout)
	defer cancel()
	m, err := provider.Provider.Balance(ctx)
	if err != nil {
		return fmt.Errorf("read balance: %w", err)
	}
	return c.cfg.Store.AddBalance(ctx, p, c.cfg.Now(), m)
}

// Close makes the report of a day that is over, compares its books, and archives it. Each part is kept as soon as it is
// made. It can be done again at any time.
func (c *Closer) Close(ctx context.Context, p topup.ProviderName, date string) error {
	_, d, err := c.day(p, date)
	if err != nil {
		return err
	}
	if c.cfg.Now().Before(d.To) {
		return fmt.Errorf("%s is not over", date)
	}
	mark := topup.DayClosed{}
	if err := c.load(ctx, p, date, topup.DocClosed, &mark); err != nil {
		return err
	}
	mark.At, mark.Tries, mark.Problem = c.cfg.Now().UTC(), mark.Tries+1, ""
	books, err := c.Report(ctx, p, date, false, io.Discard)
	if err != nil {
		return fmt.Errorf("make report: %w", err)
	}
	if err := c.save(ctx, p, date, topup.DocReport, books); err != nil {
		return err
	}
	res, err := c.Reconcile(ctx, p, date)
	if err != nil {
		return fmt.Errorf("compare books: %w", err)
	}
	if err := c.save(ctx, p, date, topup.DocReconcile, res); err != nil {
		return err
	}
	mark.Problem = res.Problem
	if problem := c.archiveDay(ctx, p, date); problem != nil {
		c.cfg.Log.Error("incident", zap.String("provider", string(p)), zap.String("code", "archive_failed"), zap.String("date", date), zap.Error(problem))
		mark.Problem = "The archive could not be written."
	}
	c.tell(books, res)
	return c.save(ctx, p, date, topup.DocClosed, mark)
}

// tell logs what a person should know of a closed day.
func (c *Closer) tell(b *Books, r *reconcile.Result) {
	c.cfg.Log.Info("day closed", zap.String("provider", string(b.Provider)), zap.String("date", b.Date), zap.Int64("rows", b.Rows), zap.Int64("open", b.Open),
		zap.Int64("unresolved", b.Unresolved), zap.Int64("not_asked", b.NotAsked), zap.Int("cases", len(r.Cases)), zap.String("problem", r.Problem))
	for _, k := range r.Cases {
		c.cfg.Log.Error("incident", zap.String("provider", string(b.Provider)), zap.String("code", string(k.Kind)), zap.String("date", b.Date),
			zap.Int64("count", k.Count), zap.String("detail", k.Meaning))
	}
}

// archiveDay writes the day's file, with what the ledger has forgotten of an earlier one.
func (c *Closer) archiveDay(ctx context.Context, p topup.ProviderName, date string) error {
	if c.cfg.Shelf == nil {
		return nil
	}
	_, d, err := c.day(p, date)
	if err != nil {
		return err
	}
	m, err := archive.Write(ctx, c.cfg.Shelf, p, date, c.cfg.Now(), c.kept(ctx, p, d.From, d.To), func(old []*topup.Topup) ([]bool, error) { return c.gone(ctx, old) })
	if err != nil {
		return err
	}
	return c.save(ctx, p, date, topup.DocArchive, m)
}

func (c *Closer) save(ctx context.Context, p topup.ProviderName, date, name string, doc any) error {
	text, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return c.cfg.Store.PutDay(ctx, p, date, name, text)
}

// load reads a document into doc, which stays as it is where there is none.
func (c *Closer) load(ctx context.Context, p topup.ProviderName, date, name string, doc any) error {
	text, err := c.cfg.Store.GetDay(ctx, p, date, name)
	if err != nil {
		return found(err)
	}
	if err := json.Unmarshal(text, doc); err != nil {
		return fmt.Errorf("decode %s: %w", name, err)
	}
	return nil
}

package week_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/hibiken/asynq"

	"topupq/jobs"
	"topupq/topup"
)

// doorbell stands for the queue: it keeps what was rung for until the world runs it. A wake-up whose name waits already
// is not kept twice, as in asynq.
type doorbell struct {
	mu     sync.Mutex
	sends  map[topup.ProviderName][]*asynq.Task
	checks map[topup.ProviderName][]*asynq.Task
	days   []*asynq.Task
	names  map[string]bool
}

func newDoorbell() *doorbell {
	return &doorbell{sends: map[topup.ProviderName][]*asynq.Task{}, checks: map[topup.ProviderName][]*asynq.Task{}, names: map[string]bool{}}
}

// fresh reports whether a name does not wait yet, and notes it. The caller holds the lock.
func (d *doorbell) fresh(name string) bool {
	was := d.names[name]
	d.names[name] = true
	return !was
}

func (d *doorbell) keep(to map[topup.ProviderName][]*asynq.Task, kind string, p topup.ProviderName, due []topup.Due) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range due {
		if d.fresh(kind + string(x.ID)) {
			to[p] = append(to[p], asynq.NewTask(kind, []byte(x.ID)))
		}
	}
}

func (d *doorbell) Sends(_ context.Context, p topup.ProviderName, due []topup.Due) error {
	d.keep(d.sends, jobs.KindSubmit, p, due)
	return nil
}

func (d *doorbell) SendsAgain(ctx context.Context, p topup.ProviderName, due []topup.Due) error {
	return d.Sends(ctx, p, due)
}

func (d *doorbell) Check(ctx context.Context, p topup.ProviderName, due topup.Due) error {
	return d.Checks(ctx, p, []topup.Due{due})
}

func (d *doorbell) Checks(_ context.Context, p topup.ProviderName, due []topup.Due) error {
	d.keep(d.checks, jobs.KindCheck, p, due)
	return nil
}

func (d *doorbell) ChecksDue(_ context.Context, p topup.ProviderName, n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range n {
		if d.fresh(fmt.Sprint("due:", p, i)) {
			d.checks[p] = append(d.checks[p], asynq.NewTask(jobs.KindCheck, []byte(p)))
		}
	}
	return nil
}

func (d *doorbell) Day(_ context.Context, t jobs.DayTask) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fresh(t.String()) {
		d.days = append(d.days, asynq.NewTask(jobs.KindDay, []byte(t.String())))
	}
	return nil
}

func (d *doorbell) Waiting(_ context.Context, queue string) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, p := range topup.Providers {
		switch queue {
		case jobs.SubmitQueue(p):
			n += len(d.sends[p])
		case jobs.CheckQueue(p):
			n += len(d.checks[p])
		}
	}
	return n, nil
}

// take hands out what waits, at most that many sends of each provider, and whether more sends wait.
func (d *doorbell) take(sends int) (submit, check, day []*asynq.Task, more bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range topup.Providers {
		n := min(sends, len(d.sends[p]))
		submit, d.sends[p] = append(submit, d.sends[p][:n]...), d.sends[p][n:]
		more = more || len(d.sends[p]) > 0
		check, d.checks[p] = append(check, d.checks[p]...), nil
	}
	day, d.days = d.days, nil
	d.names = map[string]bool{}
	for _, p := range topup.Providers {
		for _, t := range d.sends[p] {
			d.names[t.Type()+string(t.Payload())] = true
		}
	}
	return submit, check, day, more
}

// What follows is not part of this world: texts, lookups, held ones and callbacks, which stay owed.
func (d *doorbell) SMS(context.Context, topup.ID) error                       { return nil }
func (d *doorbell) Held(context.Context, topup.ProviderName, topup.Due) error { return nil }
func (d *doorbell) Lookup(context.Context, string) error                      { return nil }
func (d *doorbell) Lookups(context.Context, []string) error                   { return nil }
func (d *doorbell) Callback(context.Context, string) error                    { return nil }
func (d *doorbell) Callbacks(context.Context, []string) error                 { return nil }

package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hibiken/asynq"

	"topupq/topup"
)

const (
	// archiveAlarm is near the 10,000 tasks that an archive keeps.
	archiveAlarm = 9000
	// latencyAlarm is how long the oldest waiting task may wait.
	latencyAlarm = time.Minute
	dayAgo       = 24 * time.Hour
)

// queues looks at asynq: is anybody working, is anything stuck.
func queues(_ context.Context, c Config) []Finding {
	i := asynq.NewInspectorFromRedisClient(c.Queue)
	names, err := i.Queues()
	if err != nil {
		return []Finding{{Bad, "queue", "the queue's Redis cannot be read", "start it, or point TOPUPQ_QUEUE_REDIS_URL at it"}}
	}
	servers, err := i.Servers()
	if err != nil {
		return []Finding{{Bad, "queue", "the workers cannot be listed", "allow the asynq keys to the user of TOPUPQ_QUEUE_REDIS_URL"}}
	}
	slices.Sort(names)
	var out []Finding
	for _, name := range names {
		info, err := i.GetQueueInfo(name)
		if err != nil {
			continue // it went away meanwhile
		}
		served := slices.ContainsFunc(servers, func(s *asynq.ServerInfo) bool { _, ok := s.Queues[name]; return ok })
		out = append(out, queue(info, served)...)
	}
	return or(out, "queue", fmt.Sprintf("%d queues move, %d servers work", len(names), len(servers)))
}

func queue(info *asynq.QueueInfo, served bool) []Finding {
	var out []Finding
	if info.Paused {
		out = append(out, Finding{Warn, "queue", info.Queue + " is paused in the dashboard: nothing of it runs", "resume it at /dashboard; to stop sending use topupq pause"})
	}
	if !served && info.Pending+info.Scheduled+info.Retry > 0 {
		out = append(out, Finding{Bad, "queue", fmt.Sprintf("%d tasks wait in %s and no worker serves it", info.Pending+info.Scheduled+info.Retry, info.Queue), "start topupq work, with that queue among --queues"})
	} else if info.Latency > latencyAlarm {
		out = append(out, Finding{Bad, "queue", fmt.Sprintf("the oldest task of %s has waited for %s", info.Queue, info.Latency.Round(time.Second)), "start more workers, or raise the provider's concurrency"})
	}
	if info.Archived >= archiveAlarm {
		out = append(out, Finding{Warn, "queue", fmt.Sprintf("%d tasks are archived in %s; the oldest ones go at 10,000", info.Archived, info.Queue), "the ledger forgets none: topupq replay --state held"})
	}
	return out
}

// work looks at the scheduler and at what waits for people.
func work(ctx context.Context, c Config) []Finding {
	var out []Finding
	leader, err := c.Store.Leader(ctx)
	if err == nil && leader == "" {
		out = append(out, Finding{Bad, "scheduler", "no scheduler leads: nothing is checked, retried or called back", "start topupq schedule, on two machines"})
	}
	pauses, err := c.Store.Pauses(ctx)
	if err == nil {
		for _, p := range pauses {
			out = append(out, Finding{Warn, "pauses", fmt.Sprintf("%s is paused by %s (%s)", p.Scope, p.Pause.Actor, p.Pause.Reason), "when the cause is gone: topupq resume " + p.Scope.String()})
		}
	}
	stocks, err := c.Store.Stocks(ctx, c.Now(), nil)
	if err == nil {
		for _, s := range stocks {
			out = append(out, stuck(s)...)
		}
	}
	if alarms, err := c.Store.Alarms(ctx); err == nil {
		for _, a := range alarms {
			out = append(out, Finding{Bad, "alarm", fmt.Sprintf("%s, %s: %s Since %s.", a.Name, a.Provider, a.Detail, a.Since.UTC().Format(time.RFC3339)), a.Mend()})
		}
	}
	if at, err := c.Store.Recovered(ctx); err == nil && c.Now().Sub(at) < dayAgo {
		out = append(out, Finding{Warn, "redis", "the store was restored at " + at.UTC().Format(time.RFC3339) + ": older top-ups are asked about before they are sent", "see deploy/runbook.md, \"Redis restored\""})
	}
	return or(out, "work", "nothing waits for a person")
}

func stuck(s topup.Stock) []Finding {
	switch s.State {
	case topup.Held:
		return []Finding{{Warn, "held", fmt.Sprintf("%d top-ups of %s are held: %v", s.Count, s.Provider, s.Sums), fmt.Sprintf("topupq replay --state held --provider %s, or cancel them", s.Provider)}}
	case topup.Unresolved:
		return []Finding{{Warn, "unresolved", fmt.Sprintf("%d top-ups of %s have no outcome: %v", s.Count, s.Provider, s.Sums), fmt.Sprintf("ask %s, then topupq resolve --state unresolved --provider %s --to …", s.Provider, s.Provider)}}
	default:
		return nil
	}
}

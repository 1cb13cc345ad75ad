package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"topupq/client"
	"topupq/topup"
	"topupq/webhook"
)

const (
	// listenWait is how long one question waits for an event, listenPause how long a failed one is waited after.
	listenWait  = 25
	listenPause = 2 * time.Second
)

// listener follows a merchant's feed and hands every event on.
type listener struct {
	api    *apiClient
	asJSON bool
	// to is where events are posted, "" for nowhere; sender and keys post and sign them.
	to       string
	sender   *webhook.Sender
	keys     []webhook.Key
	out, err io.Writer
	pause    time.Duration
}

// newCallbacksListen follows the feed.
func newCallbacksListen(d deps) *cobra.Command {
	var to, secret string
	var after int64
	var once, asJSON bool
	cmd := &cobra.Command{
		Use: "listen", Short: "Follow your events here, and post them to a program on this machine",
		Long: `Follows the event feed from now on, or from --after, and prints every event. With --forward each one is also posted to a
local program, as a callback in the standard format would be, and signed with --secret; without --secret one is made and
printed. A program that refuses an event or does not answer is shown as such, and the next event follows.`,
		Example: "  topupq callbacks listen --forward http://localhost:9000/topups\n  topupq callbacks listen --after 0 --once --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := newAPIClient(cmd, d)
			if err != nil {
				return err
			}
			l := &listener{api: api, asJSON: asJSON, to: to, out: d.stdout, err: d.stderr, pause: listenPause}
			if err := l.prepare(topup.Secret(secret)); err != nil {
				return err
			}
			if !cmd.Flags().Changed("after") {
				if after, err = l.end(cmd.Context()); err != nil {
					return err
				}
			}
			return l.follow(cmd.Context(), after, once)
		},
	}
	apiFlags(cmd)
	cmd.Flags().StringVar(&to, "forward", "", "address to post events to, such as http://localhost:9000/topups")
	cmd.Flags().StringVar(&secret, "secret", "", "whsec_… to sign with (default: a new one)")
	cmd.Flags().Int64Var(&after, "after", 0, "begin after this sequence (default: from now on)")
	cmd.Flags().BoolVar(&once, "once", false, "stop at the end of what there is")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print events as JSON, one a line")
	return cmd
}

func (l *listener) prepare(secret topup.Secret) error {
	if l.to == "" {
		return nil
	}
	if secret == "" {
		secret = topup.NewWebhookSecret()
		fmt.Fprintf(l.err, "events are signed with %s\n", secret.Reveal())
	}
	key, err := webhook.ParseKey(secret)
	if err != nil {
		return usageError("--secret: %w", err)
	}
	guard := webhook.Guard{AllowPrivate: true}
	if _, err := guard.CheckURL(l.to); err != nil {
		return usageError("--forward: %w", err)
	}
	l.keys, l.sender = []webhook.Key{key}, webhook.NewSender(webhook.Config{AllowPrivate: true})
	return nil
}

// end is the present end of the feed.
func (l *listener) end(ctx context.Context) (int64, error) {
	one := 1
	page, err := l.ask(ctx, &client.ListEventsParams{Limit: &one})
	return page.LastSequence, err
}

func (l *listener) ask(ctx context.Context, params *client.ListEventsParams) (client.EventList, error) {
	var page client.EventList
	err := readAnswer(ctx, &page, func(ctx context.Context) (*http.Response, error) { return l.api.calls.ListEvents(ctx, params) })
	return page, err
}

// follow hands events on until ctx ends. An intake that cannot be reached is asked again.
func (l *listener) follow(ctx context.Context, after int64, once bool) error {
	wait := listenWait
	if once {
		wait = 0
	}
	for {
		page, err := l.ask(ctx, &client.ListEventsParams{After: &after, Wait: &wait})
		if ctx.Err() != nil {
			break // whoever listened has gone
		}
		var p *apiProblem
		switch {
		case errors.As(err, &p) && !p.passing():
			return err
		case err != nil:
			fmt.Fprintln(l.err, err)
			_ = sleep(ctx, l.pause) // where it is cut short the next question ends the listening
			continue
		}
		for _, e := range page.Data {
			if err := l.hand(ctx, e); err != nil {
				return err
			}
			after = e.Sequence
		}
		if once && page.NextCursor == nil {
			break
		}
	}
	return nil //nolint:nilerr // whoever listened has gone
}

// hand prints an event and posts it.
func (l *listener) hand(ctx context.Context, e client.FeedEvent) error {
	result := ""
	if l.to != "" {
		result = l.post(ctx, e)
	}
	if l.asJSON {
		return json.NewEncoder(l.out).Encode(e)
	}
	var about struct {
		Reference string `json:"reference"`
		BatchID   string `json:"batch_id"`
	}
	if e.Data != nil {
		_ = json.Unmarshal(*e.Data, &about) // what is not there is not shown
	}
	_, err := fmt.Fprintf(l.out, "%6d  %s  %-18s %s  %s  %s\n", e.Sequence, e.Timestamp.UTC().Format(time.DateTime), e.Type,
		clean(e.ID), clean(cmp.Or(about.Reference, about.BatchID)), result)
	return err
}

// post sends an event as a callback and says in a word what came of it.
func (l *listener) post(ctx context.Context, e client.FeedEvent) string {
	body, err := json.Marshal(struct {
		Type      client.Event     `json:"type"`
		Timestamp time.Time        `json:"timestamp"`
		Data      *json.RawMessage `json:"data"`
	}{e.Type, e.Timestamp, e.Data})
	if err != nil {
		return clean(err.Error())
	}
	r := l.sender.Send(ctx, webhook.Message{URL: l.to, ID: e.ID, Body: body, Keys: l.keys})
	switch {
	case !r.Postponed.IsZero():
		return "not posted: the program has failed repeatedly"
	case r.Status == 0:
		return "not answered: " + clean(r.Excerpt)
	default:
		return fmt.Sprintf("%d in %s", r.Status, r.Latency.Round(time.Millisecond))
	}
}

package redispipe

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// maxParts bounds the parts of one call, so that no single command holds Redis for long.
const maxParts = 32

// Part is one piece of work for a script that does many at a time.
type Part struct {
	// SHA names the loaded script. Its first argument is the number of parts, their keys and arguments follow in turn, and it
	// answers with an array of as many elements. An element that is an error is its part's alone.
	SHA string
	// Group keeps apart what may not go into one call: parts whose keys lie in different slots of a cluster.
	Group string
	Keys  []string
	Args  []any
}

// errAnswer means that a script did not answer for each of its parts.
var errAnswer = errors.New("the script's answer is not one element per part")

// Join runs a part, in one call with others of its script and group that are waiting. What was said of Do's error holds
// here for ctx's and ErrClosed; any other is the call's or the part's own.
func (p *Pipe) Join(ctx context.Context, part Part) (any, error) {
	cl := &call{ctx: ctx, part: &part, done: make(chan struct{})}
	if err := p.await(cl); err != nil { //nolint:contextcheck // see sendOne
		return nil, err
	}
	return cl.answer, cl.err
}

// bundle is the parts that go in one call.
type bundle struct {
	calls []*call
	cmd   *redis.Cmd
}

// bundles are those of one pipeline.
type bundles []*bundle

func (bs *bundles) add(cl *call) {
	for _, b := range *bs {
		first := b.calls[0].part
		if len(b.calls) < maxParts && first.SHA == cl.part.SHA && first.Group == cl.part.Group {
			b.calls = append(b.calls, cl)
			return
		}
	}
	*bs = append(*bs, &bundle{calls: []*call{cl}})
}

// send puts every bundle into the pipeline as one call.
func (bs bundles) send(ctx context.Context, pipe redis.Pipeliner) {
	for _, b := range bs {
		first, n := b.calls[0].part, len(b.calls)
		keys, args := make([]string, 0, n*(len(first.Keys)+2)), make([]any, 1, 1+n*(len(first.Args)+6))
		args[0] = n
		for _, cl := range b.calls {
			keys, args = append(keys, cl.part.Keys...), append(args, cl.part.Args...)
		}
		b.cmd = pipe.EvalSha(ctx, first.SHA, keys, args...)
	}
}

// share gives every part its own element of the answer.
func (bs bundles) share() {
	for _, b := range bs {
		answers, err := b.cmd.Slice()
		if err == nil && len(answers) != len(b.calls) {
			err = errAnswer
		}
		for i, cl := range b.calls {
			cl.cmd, cl.err = b.cmd, err
			if err != nil {
				continue
			}
			if failed, ok := answers[i].(error); ok {
				cl.err = failed
				continue
			}
			cl.answer = answers[i]
		}
	}
}

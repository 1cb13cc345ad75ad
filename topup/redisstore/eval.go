package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"topupq/redispipe"
	"topupq/topup"
)

// script is one Lua script with its SHA-1, run by EVALSHA.
type script struct {
	*redis.Script
	source string
}

func newScript(source string) script { return script{redis.NewScript(source), source} }

// eval runs a script through the committer. A script that the server does not know has not run: it is loaded and
// sent again.
func (s *Store) eval(ctx context.Context, sc script, keys []string, args ...any) (*redis.Cmd, error) {
	cmd, err := s.pipe.Do(ctx, func(p redis.Pipeliner) redis.Cmder { return p.EvalSha(ctx, sc.Hash(), keys, args...) })
	if err != nil {
		return nil, unavailable(err)
	}
	res := cmd.(*redis.Cmd)
	if noScript(res.Err()) {
		res = s.rdb.Eval(ctx, sc.source, keys, args...)
	}
	if err := res.Err(); err != nil && !errors.Is(err, redis.Nil) {
		return nil, unavailable(err)
	}
	return res, nil
}

// evalPart runs a part of a script that does many at a time, together with others of its group that are waiting, and
// returns its number.
func (s *Store) evalPart(ctx context.Context, sc script, group string, keys []string, args []any) (int64, error) {
	part := redispipe.Part{SHA: sc.Hash(), Group: group, Keys: keys, Args: args}
	answer, err := s.pipe.Join(ctx, part)
	if noScript(err) {
		answer, err = s.evalAlone(ctx, sc, part)
	}
	if err != nil {
		return 0, unavailable(err)
	}
	n, ok := answer.(int64)
	if !ok {
		return 0, unavailable(fmt.Errorf("script answered %T instead of a number", answer))
	}
	return n, nil
}

// evalAlone loads a script and runs one part of it.
func (s *Store) evalAlone(ctx context.Context, sc script, part redispipe.Part) (any, error) {
	answers, err := s.rdb.Eval(ctx, sc.source, part.Keys, append([]any{1}, part.Args...)...).Slice()
	if err != nil || len(answers) != 1 {
		return nil, cmp.Or(err, errOneAnswer)
	}
	if failed, ok := answers[0].(error); ok {
		return nil, failed
	}
	return answers[0], nil
}

// errOneAnswer means that a script did not answer for the one part that it was given.
var errOneAnswer = errors.New("the script did not answer for its part")

// crossSlot reports whether keys were refused that lie in different slots; nothing was done then.
func crossSlot(err error) bool { return redisSays(err, "CROSSSLOT") }

func noScript(err error) bool { return redisSays(err, "NOSCRIPT") }

// redisSays reports whether Redis itself answered with an error that begins so.
func redisSays(err error, code string) bool {
	var re redis.Error
	return errors.As(err, &re) && strings.HasPrefix(re.Error(), code)
}

// unavailable marks a failure of the store itself.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", topup.ErrUnavailable, err)
}

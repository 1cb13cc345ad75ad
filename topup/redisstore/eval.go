package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

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

func noScript(err error) bool {
	var re redis.Error
	return errors.As(err, &re) && strings.HasPrefix(re.Error(), "NOSCRIPT")
}

// unavailable marks a failure of the store itself.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", topup.ErrUnavailable, err)
}

package httpcall

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Exchange is what can be told of an exchange without telling what was said in it.
type Exchange struct {
	// Method is the HTTP method, Op the call as its client names it.
	Method, Op string
	Began      time.Time
	Took       time.Duration
	// Status is the answer's, 0 when there was none; Failure then says why: "timeout", "not sent" or "cut".
	Status  int
	Failure string
}

type observerKey struct{}

// Observe returns a context whose exchanges are told to see, each when it has ended.
func Observe(ctx context.Context, see func(Exchange)) context.Context {
	return context.WithValue(ctx, observerKey{}, see)
}

// observed tells the context's observer, if there is one, of an exchange that has ended.
func observed(ctx context.Context, op string, req *http.Request, began time.Time, resp *Response, err error) {
	see, ok := ctx.Value(observerKey{}).(func(Exchange))
	if !ok {
		return
	}
	x := Exchange{Method: req.Method, Op: op, Began: began, Took: time.Since(began)}
	if resp != nil {
		x.Status = resp.Status
	}
	var e *Error
	switch {
	case err == nil:
	case errors.As(err, &e) && e.Timeout:
		x.Failure = "timeout"
	case errors.As(err, &e) && !e.Reached:
		x.Failure = "not sent"
	default:
		x.Failure = "cut"
	}
	see(x)
}

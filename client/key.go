package client

import (
	"context"
	"net/http"
)

// Key sends an API key with every request.
func Key(key string) RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+key)
		return nil
	}
}

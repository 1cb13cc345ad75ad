// Package client speaks topupq's HTTP API from Go. It is made from intake/openapi.yaml ("make made"), and the topupq
// command itself uses it.
//
// NewClient returns answers as they come; NewClientWithResponses decodes them, with a member for every documented status.
// WithRequestEditorFn(Key(key)) sends the API key. Every call wants a context with a deadline. Repeating a request whose
// answer was lost is safe: the same reference with the same content moves money once.
package client

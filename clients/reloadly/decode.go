package reloadly

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// AnswerError is a success status with a body that is not what the call answers: HTML, truncated, empty, other
// types, duplicate keys. After a paying call it proves nothing. Its text shows no part of the body.
type AnswerError struct {
	Op     string
	Status int
	Err    error
}

// Error is the operation and what is wrong with the form.
func (e *AnswerError) Error() string { return fmt.Sprintf("%s: read answer: %v", e.Op, e.Err) }

// Unwrap returns the cause.
func (e *AnswerError) Unwrap() error { return e.Err }

var (
	errNotJSON    = errors.New("not JSON")
	errDuplicate  = errors.New("duplicate key")
	errIncomplete = errors.New("a field that every such answer has is missing")
	errRepeated   = errors.New("a page came twice")
)

// decodeOne reads an object, an array of exactly one, or either under "content".
func decodeOne[T any](body []byte) (T, error) {
	var v T
	b, err := unwrap(body)
	if err != nil {
		return v, err
	}
	if b[0] == '[' {
		var list []T
		if err := decodeJSON(b, &list); err != nil {
			return v, err
		}
		if len(list) != 1 {
			return v, fmt.Errorf("%d items where one belongs: %w", len(list), errShape)
		}
		return list[0], nil
	}
	return v, decodeJSON(b, &v)
}

// decodeMany reads an array, a single object, or either under "content".
func decodeMany[T any](body []byte) ([]T, error) {
	b, err := unwrap(body)
	if err != nil {
		return nil, err
	}
	if b[0] == '{' {
		var v T
		err := decodeJSON(b, &v)
		return []T{v}, err
	}
	var list []T
	return list, decodeJSON(b, &list)
}

// unwrap returns what is under "content" if there is such a key, else the body: always an object or an array.
func unwrap(body []byte) ([]byte, error) {
	b := bytes.TrimSpace(body)
	if !json.Valid(b) {
		return nil, errNotJSON
	}
	if b[0] == '{' {
		var w struct {
			Content json.RawMessage `json:"content"`
		}
		if err := json.Unmarshal(b, &w); err != nil {
			return nil, errShape
		}
		if len(w.Content) > 0 {
			b = w.Content
		}
	}
	if b[0] != '{' && b[0] != '[' {
		return nil, errShape
	}
	return b, nil
}

// decodeJSON decodes without letting encoding/json's words, which may quote the body, into the error.
func decodeJSON(b []byte, v any) error {
	err := json.Unmarshal(b, v)
	var syntax *json.SyntaxError
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return errNotJSON
	case errors.As(err, &typed):
		return fmt.Errorf("field %q: %w", typed.Field, errShape)
	default:
		return err
	}
}

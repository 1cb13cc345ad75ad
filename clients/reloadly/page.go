package reloadly

import (
	"encoding/json"
	"iter"
	"net/url"
	"strconv"
)

const (
	// MaxReportSize is the largest page of the report; larger ones are cut down silently.
	MaxReportSize = 500
	// catalogueSize is the documented default of the other lists. Up to 1000 works, but makes answers of megabytes.
	catalogueSize = 200
)

// Page is one page of a list. Requests count pages from 1, the answer's Number from 0.
type Page[T any] struct {
	Content       []T
	TotalPages    int
	TotalElements int
	Number        int
	Last          bool
}

// decodePage reads a page. One without a list of content, or that says nothing of its end, is refused: it must never
// pass for an empty one, since an empty report is evidence.
func decodePage[T any](body []byte) (Page[T], error) {
	var w struct {
		Content       json.RawMessage `json:"content"`
		TotalPages    *Int            `json:"totalPages"`
		TotalElements *Int            `json:"totalElements"`
		Number        Int             `json:"number"`
		Last          *Flag           `json:"last"`
	}
	if err := decodeOnce(body, &w); err != nil {
		return Page[T]{}, err
	}
	if len(w.Content) == 0 || w.Content[0] != '[' || w.TotalPages == nil && w.Last == nil {
		return Page[T]{}, errIncomplete
	}
	p := Page[T]{Number: int(w.Number)}
	if err := decodeJSON(w.Content, &p.Content); err != nil {
		return Page[T]{}, err
	}
	if w.TotalPages != nil {
		p.TotalPages = int(*w.TotalPages)
		p.Last = p.Number+1 >= p.TotalPages
	}
	if w.Last != nil {
		p.Last = bool(*w.Last)
	}
	if w.TotalElements != nil {
		p.TotalElements = int(*w.TotalElements)
	}
	return p, nil
}

// paging adds page and size; zero leaves them to Reloadly.
func paging(q url.Values, page, size int) url.Values {
	if page > 0 {
		q = with(q, "page", strconv.Itoa(page))
	}
	if size > 0 {
		q = with(q, "size", strconv.Itoa(size))
	}
	return q
}

// pages walks a list from page 1. Rows can move between pages meanwhile, so those with an ID already seen are left
// out. It ends at the last page or an empty one; a page with nothing new is an error, since the list would not end.
func pages[T any](size int, id func(T) int64, load func(page, size int) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		seen := map[int64]bool{}
		for n := 1; ; n++ {
			p, err := load(n, size)
			if err != nil {
				yield(zero, err)
				return
			}
			news, more := yieldNew(p.Content, id, seen, yield)
			if !more || p.Last || len(p.Content) == 0 {
				return
			}
			if !news {
				yield(zero, &AnswerError{Op: "read pages", Err: errRepeated})
				return
			}
		}
	}
}

// yieldNew passes on the rows not seen before. news reports whether there was one, more whether to go on.
func yieldNew[T any](rows []T, id func(T) int64, seen map[int64]bool, yield func(T, error) bool) (news, more bool) {
	for _, row := range rows {
		key := id(row)
		if key != 0 && seen[key] {
			continue
		}
		seen[key], news = true, true
		if !yield(row, nil) {
			return news, false
		}
	}
	return news, true
}

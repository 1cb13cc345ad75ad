package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	// maxColumns and maxCell keep a table on a screen; --json has all of it.
	maxColumns = 8
	maxCell    = 40
	// columnRows is by how many rows the columns are chosen.
	columnRows = 50
)

// flat is an answer without nesting: fields by dotted names, and lists of objects to be shown as tables.
type flat struct {
	names  []string
	fields map[string]string
	// flags tells booleans from other fields, which say more.
	flags  map[string]bool
	tables []string
	lists  map[string][]any
}

func flatten(v map[string]any) flat {
	f := flat{fields: map[string]string{}, flags: map[string]bool{}, lists: map[string][]any{}}
	f.add("", v)
	return f
}

func (f *flat) add(prefix string, v map[string]any) {
	page := isPage(v)
	for _, name := range sortedKeys(v) {
		if page && pageNoise[name] {
			continue
		}
		switch x := v[name].(type) {
		case map[string]any:
			f.add(prefix+name+".", x)
		case []any:
			if page && name == pageContent || len(x) > 0 && isObject(x[0]) {
				f.tables = append(f.tables, prefix+name)
				f.lists[prefix+name] = x
				continue
			}
			f.set(prefix+name, listText(x), false)
		default:
			_, isFlag := x.(bool)
			f.set(prefix+name, cellText(x), isFlag)
		}
	}
}

func (f *flat) set(name, text string, isFlag bool) {
	f.names = append(f.names, name)
	f.fields[name], f.flags[name] = text, isFlag
}

// pageContent is where Reloadly's pages have their rows, pageNoise what they repeat about themselves.
const pageContent = "content"

var pageNoise = map[string]bool{"pageable": true, "sort": true, "empty": true, "first": true, "last": true, "numberOfElements": true}

// isPage reports whether v is one page of a list.
func isPage(v map[string]any) bool {
	_, rows := v[pageContent].([]any)
	_, envelope := v["pageable"]
	return rows && envelope
}

// printAnswer shows lists as tables and the rest field by field.
func printAnswer(w io.Writer, v any) error {
	if list, ok := v.([]any); ok {
		return printList(w, list)
	}
	fields, ok := v.(map[string]any)
	if !ok {
		_, err := fmt.Fprintln(w, clean(cellText(v)))
		return err
	}
	f := flatten(fields)
	var pairs [][2]string
	for _, name := range f.names {
		pairs = append(pairs, [2]string{name, f.fields[name]})
	}
	if err := printFields(w, pairs); err != nil {
		return err
	}
	for _, name := range f.tables {
		fmt.Fprintf(w, "\n%s:\n", clean(name))
		if err := printList(w, f.lists[name]); err != nil {
			return err
		}
	}
	return nil
}

func printList(w io.Writer, list []any) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "(none)")
		return err
	}
	rows := make([]flat, len(list))
	for i, v := range list {
		fields, ok := v.(map[string]any)
		if !ok {
			return printLines(w, list)
		}
		rows[i] = flatten(fields)
	}
	columns := listColumns(rows)
	if len(columns) == 0 {
		return printEach(w, list)
	}
	cells := make([][]string, len(rows))
	for i, row := range rows {
		for _, c := range columns {
			cells[i] = append(cells[i], short(row.fields[c]))
		}
	}
	return printTable(w, columns, cells)
}

// printEach shows the items of a list that has no fields of its own to show, only lists.
func printEach(w io.Writer, list []any) error {
	for _, v := range list {
		if err := printAnswer(w, v); err != nil {
			return err
		}
	}
	return nil
}

func printLines(w io.Writer, list []any) error {
	for _, v := range list {
		if _, err := fmt.Fprintln(w, clean(cellText(v))); err != nil {
			return fmt.Errorf("write list: %w", err)
		}
	}
	return nil
}

// listColumns are the fields of the first rows that say most: IDs and names, then what is not merely true or false. A
// field that is empty throughout, and an ID that is another ID once more, are left out.
func listColumns(rows []flat) []string {
	rows = rows[:min(len(rows), columnRows)]
	ranks := map[string]int{}
	for _, row := range rows {
		for _, name := range row.names {
			if row.fields[name] != "" {
				ranks[name] = columnRank(name, row.flags[name])
			}
		}
	}
	names := sortedKeys(ranks)
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Or(ranks[a]-ranks[b], strings.Count(a, ".")-strings.Count(b, "."))
	})
	var columns []string
	for _, name := range names {
		again := ranks[name] == rankID && slices.ContainsFunc(columns, func(other string) bool {
			return !slices.ContainsFunc(rows, func(r flat) bool { return r.fields[name] != r.fields[other] })
		})
		if len(columns) < maxColumns && !again {
			columns = append(columns, name)
		}
	}
	return columns
}

const rankID = 0

// columnRank puts IDs first, then names, amounts and the rest, what is nested after that, and flags last.
func columnRank(name string, isFlag bool) int {
	lower := strings.ToLower(name)
	rank := 3
	switch {
	case isFlag:
		return 9
	case lower == "id" || strings.HasSuffix(name, "Id") || strings.HasSuffix(lower, "_id"):
		rank = rankID
	case strings.HasSuffix(lower, "name") || strings.HasPrefix(lower, "title") || lower == "status":
		rank = 1
	case strings.Contains(lower, "amount") || strings.Contains(lower, "percentage"):
		rank = 2
	case strings.Contains(lower, "url") || lower == "flag":
		rank = 5
	}
	if rank > 1 && strings.Contains(name, ".") {
		rank += 3
	}
	return rank
}

func isObject(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}

// listText is a list of plain values in one line.
func listText(list []any) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = cellText(v)
	}
	return strings.Join(texts, ", ")
}

func cellText(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case []any, map[string]any:
		b, err := json.Marshal(x)
		if err != nil {
			return "?"
		}
		return string(b)
	default:
		return fmt.Sprint(x)
	}
}

// short cuts what is too long for a column.
func short(s string) string {
	if r := []rune(s); len(r) > maxCell {
		return string(r[:maxCell-1]) + "…"
	}
	return s
}

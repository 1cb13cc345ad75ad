package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRecords(t *testing.T) {
	t.Parallel()
	type got struct {
		Line int
		Raw  string
	}
	tests := []struct {
		name, text string
		csv        bool
		want       []got
	}{
		{"lines", "a\nb\r\n\nc", false, []got{{1, "a"}, {2, "b"}, {3, ""}, {4, "c"}}},
		{"mark", "\ufeffa\nb\n", false, []got{{1, "a"}, {2, "b"}}},
		{"quotes do not count", "{\"a\":\"x\n", false, []got{{1, "{\"a\":\"x"}}},
		{"quoted line end", "h,i\n\"a\nb\",c\nd,e\n", true, []got{{1, "h,i"}, {2, "\"a\nb\",c"}, {4, "d,e"}}},
		{"doubled quote", "h,i\n\"a\"\"\nb\",c\nd\n", true, []got{{1, "h,i"}, {2, "\"a\"\"\nb\",c"}, {4, "d"}}},
		{"quote in a bare cell", "h,i\na\"b,c\nd\n", true, []got{{1, "h,i"}, {2, "a\"b,c"}, {3, "d"}}},
		{"another separator", "h;i\nx,\"y;\"z\n1\"\nd\n", true, []got{{1, "h;i"}, {2, "x,\"y;\"z\n1\""}, {4, "d"}}},
		{"comma is no separator here", "h;i;j\nx,\"y\nd\n", true, []got{{1, "h;i;j"}, {2, "x,\"y"}, {3, "d"}}},
		{"text behind a closed quote", "h,i\n\"a\"b\"\nc\n\",d\n", true, []got{{1, "h,i"}, {2, "\"a\"b\"\nc\n\",d"}}},
		{"never closed", "h,i\n\"a\nb\n", true, []got{{1, "h,i"}, {2, "\"a\nb\n"}}},
		{"nothing", "", true, nil},
	}
	for _, tt := range tests {
		r := newRecordReader(strings.NewReader(tt.text), tt.csv)
		var all []got
		for {
			rec, err := r.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, got{rec.line, string(rec.raw)})
		}
		if diff := cmp.Diff(tt.want, all); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

func TestLongRecord(t *testing.T) {
	t.Parallel()
	r := newRecordReader(strings.NewReader(strings.Repeat("x", maxRecord+5)+"\nb\n"), false)
	rec, err := r.next()
	if err != nil || !rec.cut || len(rec.raw) != maxRecord {
		t.Errorf("%d bytes, cut %v, %v", len(rec.raw), rec.cut, err)
	}
	if rec, err = r.next(); err != nil || rec.cut || string(rec.raw) != "b" || rec.line != 2 {
		t.Errorf("after it: %+v %v", rec, err)
	}
}

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// itemReader reads the items of a file {"topups": [...]} one after another, each as one line. Where the text stops being
// that, it ends: the intake has named the place.
type itemReader struct {
	dec  *json.Decoder
	item int
}

func newItemReader(in io.Reader) *itemReader {
	buffered := bufio.NewReaderSize(in, 64<<10)
	if head, err := buffered.Peek(len(byteOrderMark)); err == nil && string(head) == byteOrderMark {
		_, _ = buffered.Discard(len(head)) // what was peeked can be discarded
	}
	return &itemReader{dec: json.NewDecoder(buffered)}
}

// next returns the next item; io.EOF is the end.
func (r *itemReader) next() (record, error) {
	if r.item == 0 {
		for range 3 { // the brace, the name and the bracket
			if _, err := r.dec.Token(); err != nil {
				return record{}, io.EOF
			}
		}
	}
	r.item++
	if !r.dec.More() {
		return record{}, io.EOF
	}
	var raw json.RawMessage
	if err := r.dec.Decode(&raw); err != nil {
		return record{}, io.EOF
	}
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		return record{}, fmt.Errorf("read item %d: %w", r.item, err)
	}
	return record{line: r.item, raw: line.Bytes(), cut: line.Len() > maxRecord}, nil
}

// withReason is a row with the reason of its refusal as its last member, instead of one that it has from before. It is
// false for a row that is no JSON object.
func withReason(raw []byte, reason string) ([]byte, bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, false
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return nil, false
		}
		if name == reasonMember {
			continue
		}
		if err := writeMember(&out, name, v); err != nil {
			return nil, false
		}
		out.WriteByte(',')
	}
	if _, err := dec.Token(); err != nil || len(bytes.TrimSpace(raw[dec.InputOffset():])) > 0 {
		return nil, false
	}
	if err := writeMember(&out, reasonMember, reason); err != nil {
		return nil, false
	}
	out.WriteByte('}')
	return out.Bytes(), true
}

// reasonMember is the member that the intake passes over.
const reasonMember = "error"

func writeMember(out *bytes.Buffer, name json.Token, value any) error {
	key, err := json.Marshal(name)
	if err != nil {
		return fmt.Errorf("write the name of a member: %w", err)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write a member: %w", err)
	}
	out.Write(key)
	out.WriteByte(':')
	out.Write(text)
	return nil
}

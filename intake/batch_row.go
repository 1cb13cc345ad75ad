package intake

import (
	"errors"
	"fmt"
	"strconv"
)

// RowError is one row of a batch that was not taken, and why.
type RowError struct {
	Line      int    `json:"line"`
	Reference string `json:"reference"`
	Code      string `json:"code"`
	Field     string `json:"field"`
	Message   string `json:"message"`
}

// maxRowErrors bounds the rows that are named in the answer to a batch.
const maxRowErrors = 100

// reasonName is the column of a CSV, or the member of an NDJSON row, that "topupq submit" adds to refused rows. It is passed
// over, so that they can be mended and sent again as they are.
const reasonName = "error"

// row is one row of a batch as it was read: a request, with what is wrong with it already, or no request at all.
type row struct {
	line    int
	request topupRequest
	wrong   mistakes
	// lost is set when the row could not be read; the rows after it can.
	lost *RowError
}

// rowSource reads the rows of a batch one after another.
type rowSource interface {
	// next fills r with the next row. io.EOF is the clean end; a *brokenError means that what follows cannot be read;
	// a *Problem refuses the batch as a whole and comes before the first row only.
	next(r *row) error
}

// brokenError is the end of a batch that cannot be read on: cut off, badly compressed, not its format any more.
type brokenError struct {
	line int
	text string
}

// Error is the text with the line.
func (e *brokenError) Error() string { return "line " + strconv.Itoa(e.line) + ": " + e.text }

func (e *brokenError) rowError() RowError {
	return RowError{Line: e.line, Code: codeStreamBroken, Message: e.text + "; nothing after it was read"}
}

// cutError is the brokenError for a body that fails to be read at a line.
func cutError(line int, err error) error {
	return &brokenError{line: line, text: "the body breaks off (" + causeOf(err) + ")"}
}

// tooLongRow is a row above the limit; it was skipped to its end.
func tooLongRow(line int, limit int64) *RowError {
	return &RowError{Line: line, Code: codeTooLarge, Message: fmt.Sprintf("the row is longer than %d bytes", limit)}
}

// malformedRow is a row that is not what its format says.
func malformedRow(line int, text string) *RowError {
	return &RowError{Line: line, Code: codeMalformed, Message: text}
}

// parse fills r from the JSON text of one row, whose text member passed is passed over. A syntax error leaves r lost
// and is reported as true.
func (r *row) parse(text, passed string) (syntax bool) {
	v, err := parseJSON(text)
	if err == nil {
		v.forget(passed)
		r.request = readTopup(&v, &r.wrong)
		return false
	}
	var e *jsonError
	if !errors.As(err, &e) {
		r.lost = malformedRow(r.line, "not JSON")
		return true
	}
	if field, ok := e.fieldError(); ok {
		r.wrong.list = append(r.wrong.list, field)
		return false
	}
	r.lost = malformedRow(r.line, "not JSON that can be taken: "+e.Error())
	return e.syntax
}

// reset makes r ready for the next row. What it pointed to now belongs to whoever has it.
func (r *row) reset(line int) { *r = row{line: line} }

// rejected is the RowError for a row with mistakes: the first of them, and which others there are.
func rejected(line int, reference string, wrong []FieldError) RowError {
	e := RowError{Line: line, Reference: printable(reference), Code: rowCode(wrong), Field: wrong[0].Field, Message: wrong[0].Message}
	if len(wrong) > 1 {
		e.Message += fmt.Sprintf(" (and %d more: %s", len(wrong)-1, wrong[1].Field)
		for _, w := range wrong[2:min(len(wrong), 6)] {
			e.Message += ", " + w.Field
		}
		e.Message += ")"
	}
	return e
}

package intake

import (
	"errors"
	"mime"
	"net/http"
	"strings"
)

// Media types.
const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
	typeCSV    = "text/csv"
)

// mediaType is the request's content type in lower case, "" where there is none. A charset other than UTF-8 is
// refused: amounts and names in another one would be read as something else.
func mediaType(r *http.Request) (string, error) {
	header := r.Header.Get("Content-Type")
	if header == "" {
		return "", nil
	}
	typ, params, err := mime.ParseMediaType(header)
	if err != nil {
		return "", unsupported("The Content-Type cannot be read.")
	}
	switch strings.ToLower(params["charset"]) {
	case "", "utf-8", "utf8", "us-ascii":
		return typ, nil
	default:
		return "", unsupported("Send UTF-8.")
	}
}

func unsupported(detail string) *Problem {
	return problem(http.StatusUnsupportedMediaType, codeMediaType, detail)
}

// wantJSON refuses a body that says it is something else than JSON.
func wantJSON(r *http.Request) error {
	typ, err := mediaType(r)
	if err != nil {
		return err
	}
	if typ != "" && typ != typeJSON {
		return unsupported("Send " + typeJSON + ".")
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return unsupported("Content-Encoding is taken at /v1/batches only.")
	}
	return nil
}

// bodyError is what a failure to read a body means: too large, or cut off.
func bodyError(err error) error {
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return tooLarge()
	}
	return malformed("The body ended before its end.")
}

// asRequestError is the answer to a body that parseJSON does not take.
func asRequestError(err error) error {
	var e *jsonError
	if !errors.As(err, &e) {
		return err
	}
	if field, ok := e.fieldError(); ok {
		return invalid([]FieldError{field})
	}
	return malformed("The body is not JSON that can be taken: " + e.Error() + ".")
}

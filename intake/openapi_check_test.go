package intake_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// described is openapi.yaml as an independent implementation of OpenAPI 3.1 reads it.
var described = sync.OnceValues(func() (routers.Router, error) {
	doc, err := describedDocument()
	if err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

// describedDocument reads openapi.yaml and checks it.
func describedDocument() (*openapi3.T, error) {
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		return nil, err
	}
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(text)
	if err != nil {
		return nil, err
	}
	return doc, doc.Validate(loader.Context)
}

// checkDescribed compares a request that was taken, and every answer, with openapi.yaml. A request that the document
// allows may be refused all the same; one that it does not allow must be.
func checkDescribed(t testing.TB, r *http.Request, sent []byte, status int, header http.Header, body []byte) {
	t.Helper()
	router, err := described()
	if err != nil {
		t.Fatal(err)
	}
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(sent))
	again.ContentLength = int64(len(sent))
	query := again.URL.Query()
	maps.DeleteFunc(query, func(_ string, v []string) bool { return len(v) == 1 && v[0] == "" }) // the same as not given
	again.URL.RawQuery = query.Encode()
	route, params, err := router.FindRoute(again)
	if err != nil {
		if status < 400 {
			t.Errorf("%s %s was answered with %d and is not described: %v", r.Method, r.URL.Path, status, err)
		}
		return
	}
	in := &openapi3filter.RequestValidationInput{Request: again, PathParams: params, Route: route, Options: &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, ExcludeRequestBody: !jsonBody(again) || anyBody(again),
		SkipSettingDefaults: true,
	}}
	if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil && status < 400 {
		t.Errorf("%s %s was taken with %d, but is not as described: %s\n%s", r.Method, r.URL, status, short(err), sent)
	}
	in.Options.ExcludeResponseBody = !strings.Contains(header.Get("Content-Type"), "json") || strings.Contains(header.Get("Content-Type"), "ndjson")
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: status, Header: header, Options: in.Options}
	out.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(r.Context(), out); err != nil {
		t.Errorf("%s %s: the answer is not as described: %s\n%s", r.Method, r.URL, short(err), body)
	}
}

// jsonBody reports whether a request's body is one JSON document; rows are checked one by one elsewhere.
func jsonBody(r *http.Request) bool {
	typ, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.TrimSpace(typ) == "application/json" && r.Header.Get("Content-Encoding") == "" && r.ContentLength > 0
}

// anyBody reports whether a body may be anything at all and still be taken: a provider's call-back, and a batch, which
// answers for each row.
func anyBody(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/v1/providers/") || r.URL.Path == "/v1/batches"
}

// short is what an error says, without the schema that it prints.
func short(err error) string {
	var schema *openapi3.SchemaError
	if errors.As(err, &schema) {
		return strings.Join(schema.JSONPointer(), "/") + ": " + schema.Reason
	}
	text := err.Error()
	return text[:min(len(text), 400)]
}

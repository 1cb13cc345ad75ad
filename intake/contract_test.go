package intake_test

import (
	"bytes"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"topupq/intake"
)

const specURL = "http://spec/openapi.json"

// contract is the published OpenAPI document, with which every answer of every test is compared.
type contract struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
	mu       sync.Mutex
	schemas  map[string]*jsonschema.Schema
}

// published reads the document as the API serves it, once for all tests.
var published = sync.OnceValues(func() (*contract, error) {
	server, err := intake.New(intake.Config{Store: newFakeStore(), Ring: &fakeRing{}})
	if err != nil {
		return nil, err
	}
	w := &memoryWriter{header: http.Header{}}
	r, err := http.NewRequest(http.MethodGet, "/openapi.json", nil)
	if err != nil {
		return nil, err
	}
	server.Handler().ServeHTTP(w, r)
	doc, err := jsonschema.UnmarshalJSON(&w.body)
	if err != nil {
		return nil, err
	}
	c := &contract{doc: doc.(map[string]any), compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	c.compiler.AssertFormat()
	return c, c.compiler.AddResource(specURL, doc)
})

type memoryWriter struct {
	header http.Header
	body   bytes.Buffer
}

func (w *memoryWriter) Header() http.Header         { return w.header }
func (w *memoryWriter) WriteHeader(int)             {}
func (w *memoryWriter) Write(b []byte) (int, error) { return w.body.Write(b) }

// escape is a JSON pointer's name.
var escape = strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// pathOf is the documented path that a request's path is one of.
func (c *contract) pathOf(path string) string {
	for _, p := range c.paths() {
		if placeholder.MatchString(p) {
			pattern := placeholder.ReplaceAllString(p, "[^/]+")
			if ok, err := regexp.MatchString("^"+pattern+"$", path); ok && err == nil {
				return p
			}
		}
		if p == path {
			return p
		}
	}
	return ""
}

func (c *contract) paths() []string {
	var paths []string
	for p := range c.doc["paths"].(map[string]any) {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	return paths
}

// check compares an answer with the schema that is documented for it.
func (c *contract) check(t testing.TB, r *http.Request, status int, header http.Header, body []byte) {
	t.Helper()
	path, typ, _ := c.pathOf(r.URL.Path), header.Get("Content-Type"), ""
	typ, _, _ = strings.Cut(typ, ";")
	if path == "" || status == http.StatusMethodNotAllowed || !strings.Contains(typ, "json") || strings.Contains(typ, "ndjson") {
		return
	}
	schema, pointer := c.schema(t, path, strings.ToLower(r.Method), status, typ)
	if schema == nil {
		t.Errorf("%s %s: %d with %s is not documented", r.Method, path, status, typ)
		return
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Errorf("%s %s: %v", r.Method, path, err)
		return
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s %s: not as documented at %s: %v\n%s", r.Method, path, pointer, err, body)
	}
}

func (c *contract) schema(t testing.TB, path, method string, status int, typ string) (*jsonschema.Schema, string) {
	t.Helper()
	op, _ := c.doc["paths"].(map[string]any)[path].(map[string]any)[method].(map[string]any)
	answers, _ := op["responses"].(map[string]any)
	for _, name := range []string{itoa(status), "default"} {
		answer, ok := answers[name].(map[string]any)
		if !ok {
			continue
		}
		pointer := "/paths/" + escape.Replace(path) + "/" + method + "/responses/" + name
		if ref, ok := answer["$ref"].(string); ok {
			pointer = strings.TrimPrefix(ref, "#")
			answer = c.doc["components"].(map[string]any)["responses"].(map[string]any)[ref[strings.LastIndex(ref, "/")+1:]].(map[string]any)
		}
		content, _ := answer["content"].(map[string]any)
		if content[typ] != nil {
			return c.compile(t, pointer+"/content/"+escape.Replace(typ)+"/schema"), pointer
		}
	}
	return nil, ""
}

func (c *contract) compile(t testing.TB, pointer string) *jsonschema.Schema {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.schemas[pointer]; ok {
		return s
	}
	s, err := c.compiler.Compile(specURL + "#" + pointer)
	if err != nil {
		t.Fatalf("schema %s: %v", pointer, err)
	}
	c.schemas[pointer] = s
	return s
}

func itoa(n int) string {
	return string(rune('0'+n/100)) + string(rune('0'+n/10%10)) + string(rune('0'+n%10))
}

// Every route is documented, with its method and its scope, and nothing else is.
func TestEveryRouteIsDocumented(t *testing.T) {
	t.Parallel()
	c, err := published()
	if err != nil {
		t.Fatal(err)
	}
	documented := []string{}
	for _, path := range c.paths() {
		for method, op := range c.doc["paths"].(map[string]any)[path].(map[string]any) {
			if m, ok := op.(map[string]any); ok && m["operationId"] != nil {
				scope, _ := m["x-scope"].(string)
				documented = append(documented, strings.TrimSpace(strings.ToUpper(method)+" "+path+" "+scope))
				if m["summary"] == nil || m["tags"] == nil || (scope == "") != (m["security"] != nil) {
					t.Errorf("%s %s says too little", method, path)
				}
			}
		}
	}
	slices.Sort(documented)
	routes := intake.RoutesForTest(t)
	if !slices.Equal(documented, routes) {
		t.Errorf("documented %v\nserved %v", documented, routes)
	}
	for name := range c.doc["components"].(map[string]any)["schemas"].(map[string]any) {
		c.compile(t, "/components/schemas/"+name)
	}
}

func TestDocs(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	r := a.do("GET", "/docs", "", "Authorization", "").want(200)
	page := string(r.body)
	for _, want := range []string{"POST</span> <code>/v1/batches</code>", "refund_safe", "reference_conflict", `id="invalid"`, "ord-1001"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	if outside := regexp.MustCompile(`(src|href)="(https?:)?//|@import|url\(|<script`).FindString(page); outside != "" {
		t.Errorf("the page loads something: %s", outside)
	}
	if strings.Contains(page, "ZgotmplZ") || strings.Contains(page, "map[") {
		t.Error("the template printed something that it could not")
	}
	for _, link := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, `id="`+link[1]+`"`) {
			t.Errorf("a link to nowhere: %s", link[1])
		}
	}
	if p := r.header.Get("Content-Security-Policy"); !strings.Contains(p, "style-src 'sha256-") || strings.Contains(p, "unsafe") {
		t.Errorf("policy %q", p)
	}
	a.do("GET", "/openapi.json", "", "Authorization", "").want(200)
}

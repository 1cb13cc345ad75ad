package intake

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the documents
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed openapi.yaml
var openAPI []byte

//go:embed docs.html
var docsPage string

//go:embed docs.css
var docsStyle string

// docs are the API's description for programs and for people, made once at the start. Nothing in them is loaded
// from elsewhere.
type docs struct {
	json, page []byte
	policy     string
}

func loadDocs() (docs, error) {
	asJSON, err := yaml.YAMLToJSON(openAPI)
	if err != nil {
		return docs{}, fmt.Errorf("read openapi.yaml: %w", err)
	}
	spec, err := readSpec(openAPI)
	if err != nil {
		return docs{}, err
	}
	tmpl, err := template.New("docs").Parse(docsPage)
	if err != nil {
		return docs{}, fmt.Errorf("parse docs.html: %w", err)
	}
	var page bytes.Buffer
	if err := tmpl.Execute(&page, map[string]any{"Spec": spec, "Style": template.CSS(docsStyle)}); err != nil {
		return docs{}, fmt.Errorf("render docs.html: %w", err)
	}
	sum := sha256.Sum256([]byte(docsStyle))
	return docs{
		json: asJSON, page: page.Bytes(),
		policy: "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-" +
			base64.StdEncoding.EncodeToString(sum[:]) + "'",
	}, nil
}

func (s *Server) getOpenAPI(w http.ResponseWriter, _ *http.Request, _ caller) error {
	w.Header().Set("Content-Type", typeJSON)
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(s.docs.json) // the client is gone when this fails
	return nil
}

func (s *Server) getDocs(w http.ResponseWriter, _ *http.Request, _ caller) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", s.docs.policy)
	_, _ = w.Write(s.docs.page) // the client is gone when this fails
	return nil
}

// spec is what the page shows of the OpenAPI document.
type spec struct {
	Title, Summary string
	Text           []string
	Sections       []specSection
	Shapes         []specShape
	Codes          []string
}

type specSection struct {
	Name, Text, Anchor string
	Calls              []specCall
}

type specCall struct {
	Method, Path, Anchor, Summary, Scope, Example string
	Text                                          []string
	Params, Answers                               [][3]string
}

type specShape struct {
	Name, Anchor, Text string
	Fields             [][3]string
}

// anchor is a name as part of a link.
func anchor(parts ...string) string {
	keep := func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}
	return strings.Trim(strings.Map(keep, strings.ToLower(strings.Join(parts, "-"))), "-")
}

func paragraphs(text string) []string {
	var out []string
	for _, p := range strings.Split(text, "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

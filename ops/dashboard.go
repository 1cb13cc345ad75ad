package ops

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"strings"

	"github.com/hibiken/asynq"
	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"
)

const (
	dashboardPath = "/dashboard"
	// maxArchive is what asynq keeps in an archive. Its "archive all" puts everything in and cuts the archive back
	// without deleting the tasks themselves, which nobody can reach any more.
	maxArchive = 9_999
)

// dashboard is asynqmon, twice: once without its buttons, for viewers.
type dashboard struct {
	inspector *asynq.Inspector
	reader    http.Handler
	actor     http.Handler
	// The page has inline scripts, which are allowed by their hashes.
	readerPolicy, actorPolicy string
	// archive is how many tasks an archive holds.
	archive int
}

// opened hands asynqmon the client that we have.
type opened struct{ redis.UniversalClient }

// MakeRedisClient returns the client.
func (o opened) MakeRedisClient() any { return o.UniversalClient }

func newDashboard(client redis.UniversalClient, inspector *asynq.Inspector, archive int) (*dashboard, error) {
	mount := func(readOnly bool) http.Handler {
		return asynqmon.New(asynqmon.Options{
			RootPath: dashboardPath, RedisConnOpt: opened{client}, ReadOnly: readOnly,
			PayloadFormatter: asynqmon.PayloadFormatterFunc(func(_ string, b []byte) string { return onlyIDs(b) }),
			ResultFormatter:  asynqmon.ResultFormatterFunc(func(_ string, b []byte) string { return onlyIDs(b) }),
		})
	}
	d := &dashboard{inspector: inspector, archive: archive, reader: mount(true), actor: mount(false)}
	var err error
	if d.readerPolicy, err = pagePolicy(d.reader); err != nil {
		return nil, err
	}
	d.actorPolicy, err = pagePolicy(d.actor)
	return d, err
}

// serve answers with the dashboard that the user's role may see.
func (d *dashboard) serve(w http.ResponseWriter, r *http.Request, u User) {
	handler, policy := d.reader, d.readerPolicy
	if u.Role.MayAct() {
		handler, policy = d.actor, d.actorPolicy
	}
	secure(w, policy)
	if t, ok := contentTypes[path.Ext(r.URL.Path)]; ok && !strings.HasPrefix(r.URL.Path, dashboardPath+"/api/") {
		w = &typedWriter{ResponseWriter: w, contentType: t}
	}
	handler.ServeHTTP(w, r)
}

var archiveAll = regexp.MustCompile(`/queues/([^/]+)/(pending|scheduled|retry)_tasks:archive_all$`)

// refuses says why an act must not be done: archiving more tasks at once than an archive holds.
func (d *dashboard) refuses(r *http.Request) error {
	m := archiveAll.FindStringSubmatch(path.Clean(r.URL.Path))
	if m == nil {
		return nil
	}
	info, err := d.inspector.GetQueueInfo(m[1])
	if err != nil {
		return fmt.Errorf("refused: the size of %s is not known: try again", m[1])
	}
	n := map[string]int{"pending": info.Pending, "scheduled": info.Scheduled, "retry": info.Retry}[m[2]]
	if n+info.Archived > d.archive {
		return fmt.Errorf("refused: %d tasks and %d archived ones do not fit into an archive of %d; pause the queue instead", n, info.Archived, d.archive)
	}
	return nil
}

var (
	// idText is what our payloads are: the ID of a top-up, batch, lookup or callback, with a kind or a round beside it.
	idText       = regexp.MustCompile(`^([a-z]{1,12}:)?([a-z2-7]{20}|(bat|lkp)[a-z2-7]{10,20}|msg_[a-z2-7]{10,20}_[0-9]{1,6})(:[0-9]{1,6})?$`)
	inlineScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)
)

// onlyIDs is the payload when it is one of our IDs, bare or as a JSON string; anything else stays hidden, since
// it may hold a number or a secret.
func onlyIDs(b []byte) string {
	s := strings.Trim(string(b), `"`)
	if idText.MatchString(s) {
		return s
	}
	if len(b) == 0 {
		return ""
	}
	return fmt.Sprintf("[%d bytes, not shown]", len(b))
}

// pagePolicy is the content security policy that the dashboard's page works with: its own files, its inline
// scripts by their hashes, and inline styles, which its widgets write as they go.
func pagePolicy(h http.Handler) (string, error) {
	page := &capture{header: http.Header{}}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, dashboardPath+"/", http.NoBody)
	if err != nil {
		return "", fmt.Errorf("read the dashboard's page: %w", err)
	}
	h.ServeHTTP(page, r)
	scripts := "'self'"
	for _, m := range inlineScript.FindAllSubmatch(page.body.Bytes(), -1) {
		sum := sha256.Sum256(m[1])
		scripts += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "script-src " + scripts + "; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; " +
		"connect-src 'self'; manifest-src 'self'", nil
}

// capture keeps an answer.
type capture struct {
	header http.Header
	body   bytes.Buffer
}

func (c *capture) Header() http.Header         { return c.header }
func (c *capture) WriteHeader(int)             {}
func (c *capture) Write(b []byte) (int, error) { return c.body.Write(b) }

// contentTypes are those that asynqmon guesses wrong; with nosniff the browser does not guess better.
var contentTypes = map[string]string{
	".svg": "image/svg+xml", ".json": "application/json; charset=utf-8", ".map": "application/json; charset=utf-8",
}

// typedWriter sets the content type last.
type typedWriter struct {
	http.ResponseWriter
	contentType string
}

// Write sets the content type before the first byte.
func (w *typedWriter) Write(b []byte) (int, error) {
	w.Header().Set("Content-Type", w.contentType)
	return w.ResponseWriter.Write(b)
}

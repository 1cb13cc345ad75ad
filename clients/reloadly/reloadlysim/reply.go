package reloadlysim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// reply is an answer's content.
type reply struct {
	status      int
	body        []byte
	contentType string
	location    string
}

// What deliver does with an answer besides writing it.
type act int

const (
	_ act = iota // the answer is written as it is
	// actCut closes the connection after the delay, without a byte.
	actCut
	// actDrip writes a byte per delay, actSlow everything after it.
	actDrip
	actSlow
)

type answer struct {
	reply
	act   act
	delay time.Duration
}

const (
	vendorType = "application/com.reloadly.topups-v1+json"
	stampForm  = time.DateTime
)

// fields is a JSON object.
type fields map[string]any

func ok(v any) reply { return jsonReply(http.StatusOK, v) }

func jsonReply(status int, v any) reply {
	body, err := json.Marshal(v)
	if err != nil {
		return reply{status: http.StatusInternalServerError}
	}
	return reply{status: status, body: body, contentType: vendorType + ";charset=UTF-8"}
}

// refuse is Reloadly's own error form; an empty code is null.
func refuse(c *call, status int, code, message string) reply {
	var errorCode any
	if code != "" {
		errorCode = code
	}
	return jsonReply(status, fields{
		"timeStamp": c.now.UTC().Format(stampForm), "message": message, "path": c.path,
		"errorCode": errorCode, "infoLink": nil, "details": []any{},
	})
}

// frameworkError is the other form, of errors that Reloadly's code has no part in.
func frameworkError(c *call, status int) reply {
	return jsonReply(status, fields{
		"timestamp": c.now.UTC().Format("2006-01-02T15:04:05.000+0000"), "status": status,
		"error": http.StatusText(status), "message": "No message available", "path": c.path,
	})
}

func htmlPage(status int) reply {
	text := fmt.Sprintf("<html><head><title>%d %s</title></head><body><h1>%s</h1></body></html>",
		status, http.StatusText(status), http.StatusText(status))
	return reply{status: status, body: []byte(text), contentType: "text/html"}
}

// pageOf cuts a list as Spring does: pages count from 1 in the request and from 0 in the answer, 0 is 1, sizes are
// capped in silence, and past the end is an empty page.
func pageOf[T any](c *call, rows []T, defaultSize, maxSize int, show func(T) any) reply {
	page, size := max(c.intQuery("page", 1), 1), c.intQuery("size", defaultSize)
	if size < 1 {
		size = defaultSize
	}
	size = min(size, maxSize)
	total := (len(rows) + size - 1) / size
	from := min((page-1)*size, len(rows))
	to := min(from+size, len(rows))
	content := []any{}
	for _, row := range rows[from:to] {
		content = append(content, show(row))
	}
	sort := fields{"sorted": false, "unsorted": true, "empty": true}
	return ok(fields{
		"content": content,
		"pageable": fields{"sort": sort, "pageNumber": page - 1, "pageSize": size, "offset": (page - 1) * size,
			"paged": true, "unpaged": false},
		"totalPages": total, "totalElements": len(rows), "last": page >= total, "first": page == 1, "sort": sort,
		"numberOfElements": len(content), "size": size, "number": page - 1, "empty": len(content) == 0,
	})
}

func (c *call) intQuery(name string, missing int) int {
	n, err := strconv.Atoi(c.query.Get(name))
	if err != nil || n > 1<<20 {
		return missing
	}
	return n
}

// deliver writes the answer, or does what is worse.
func (s *Sim) deliver(w http.ResponseWriter, r *http.Request, a answer) {
	if a.delay > 0 && a.act != actDrip {
		s.opt.Wait(r.Context(), a.delay)
	}
	if a.act == actCut {
		cut(w)
		return
	}
	h := w.Header()
	if a.contentType != "" {
		h.Set("Content-Type", a.contentType)
	}
	if a.location != "" {
		h.Set("Location", a.location)
	}
	w.WriteHeader(a.status)
	if a.act != actDrip {
		_, _ = w.Write(a.body) // the client may have gone; that is its business
		return
	}
	s.drip(w, r, a)
}

func (s *Sim) drip(w http.ResponseWriter, r *http.Request, a answer) {
	control := http.NewResponseController(w)
	for i := range a.body {
		if _, err := w.Write(a.body[i : i+1]); err != nil || control.Flush() != nil || r.Context().Err() != nil {
			return
		}
		s.opt.Wait(r.Context(), a.delay)
	}
}

// cut closes the connection without a byte; where that is not possible the answer is an empty 500.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_ = conn.Close()
}

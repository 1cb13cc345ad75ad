package ops

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"topupq/topup"
)

// TestOverviewShowsAlarms: what is in force stands on the first page, with what to do about it.
func TestOverviewShowsAlarms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all []topup.Alarm
	for _, name := range topup.AlarmNames {
		all = append(all, topup.Alarm{Name: name, Provider: topup.AAT, Since: w.now, Detail: "Detail of " + name + "."})
	}
	must(t, w.store.PutAlarms(t.Context(), all))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/", http.NoBody)
	must(t, err)
	r.SetBasicAuth("vera", "v-pass")
	resp, err := http.DefaultClient.Do(r)
	must(t, err)
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	must(t, err)
	for _, a := range all {
		if a.Mend() == "" || !strings.Contains(string(page), a.Detail) {
			t.Errorf("%s is not shown with %d, or nobody says what to do about it", a.Name, resp.StatusCode)
		}
	}
}

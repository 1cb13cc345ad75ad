package intake

import (
	"io"
	"net/http"

	"topupq/topup"
)

// bulkSMS is the sender of delivery reports about texts, in the place of a provider's name.
const bulkSMS = "bulksms"

// ReportSettings is how delivery reports about texts are taken; without Read they are refused.
type ReportSettings struct {
	// Token is the last element of the path, compared in constant time.
	Token topup.Secret
	// Tokens, where set, tells the tokens that are taken at the moment, in the place of Token.
	Tokens func() []topup.Secret
	// Read reads the reports in a body; none is no mistake.
	Read func(body []byte) ([]topup.SMSReport, error)
}

// takeReports takes delivery reports about the texts that carry PINs. They are written down and counted, and nothing
// follows from them. A report that nobody knows what to do with is taken too: one that is refused is lost for good.
func (s *Server) takeReports(w http.ResponseWriter, r *http.Request) error {
	settings := s.cfg.Reports
	if settings.Read == nil || !authentic(taken(settings.Token, settings.Tokens), false, r.PathValue("token")) {
		return s.forged(bulkSMS, r)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.Limits.Callback))
	if err != nil {
		return bodyError(err)
	}
	reports, err := settings.Read(body)
	if err != nil {
		s.noteCallback(r.Context(), bulkSMS, "unreadable", "", "")
		return malformed("The reports cannot be read.")
	}
	for _, report := range reports {
		if err := s.takeReport(r, report); err != nil {
			return err
		}
	}
	writeJSON(w, http.StatusOK, map[string]bool{"success": true})
	return nil
}

// takeReport writes one report down where the text is one of ours. An error is the store's: then the reports come again.
func (s *Server) takeReport(r *http.Request, report topup.SMSReport) error {
	if !report.Topup.Valid() {
		s.noteCallback(r.Context(), bulkSMS, "unknown", "", report.Status)
		return nil
	}
	ctx, cancel := s.writing(r.Context())
	defer cancel()
	found, err := s.cfg.Store.GetMany(ctx, []topup.ID{report.Topup})
	if err != nil {
		return err
	}
	if found[0] == nil || !found[0].WantsText() {
		s.noteCallback(ctx, bulkSMS, "unknown", report.Topup, report.Status)
		return nil
	}
	report.At = s.now()
	news, err := s.cfg.Store.NoteSMSReport(ctx, report)
	if err != nil {
		return err
	}
	what := "repeated"
	if news {
		what = "taken"
		s.cfg.Count("sms_report", report.Status)
	}
	s.noteCallback(ctx, bulkSMS, what, report.Topup, report.Status)
	return nil
}

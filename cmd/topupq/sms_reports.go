package main

import (
	"slices"

	"topupq/clients/bulksms"
	"topupq/config"
	"topupq/intake"
	"topupq/topup"
)

// smsWords are the statuses that BulkSMS documents; a report with another one is kept as "OTHER".
var smsWords = []string{
	bulksms.StatusAccepted, bulksms.StatusScheduled, bulksms.StatusSent, bulksms.StatusDelivered, bulksms.StatusUnknown, bulksms.StatusFailed,
}

// smsFailures are the documented reasons of FAILED.
var smsFailures = []string{"EXPIRED", "HANDSET_ERROR", "BLOCKED", "NOT_SENT"}

// smsReports is how the intake takes BulkSMS' delivery reports; nothing where no texts are sent.
func (n *node) smsReports() intake.ReportSettings {
	if !n.cfg.BulkSMS.Enabled() {
		return intake.ReportSettings{}
	}
	tokens := newLiveSecrets(n.cfg.BulkSMS.CallbackToken)
	n.rotations = append(n.rotations, func(cfg config.Config) error { tokens.replace(cfg.BulkSMS.CallbackToken); return nil })
	return intake.ReportSettings{Tokens: tokens.all, Read: readReports}
}

func readReports(body []byte) ([]topup.SMSReport, error) {
	messages, err := bulksms.ParseWebhook(body)
	if err != nil {
		return nil, err
	}
	reports := make([]topup.SMSReport, len(messages))
	for i, m := range messages {
		reports[i] = topup.SMSReport{Topup: topup.ID(m.UserSuppliedID), Message: m.ID, Status: smsWord(m.Status), Final: m.Status.Final()}
	}
	return reports, nil
}

// smsWord is a status in the words that are known, "FAILED.BLOCKED" where it says why.
func smsWord(s bulksms.Status) string {
	switch {
	case !slices.Contains(smsWords, s.Type):
		return "OTHER"
	case s.Type == bulksms.StatusFailed && slices.Contains(smsFailures, s.Subtype):
		return s.Type + "." + s.Subtype
	default:
		return s.Type
	}
}

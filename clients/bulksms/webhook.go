package bulksms

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrWebhook is wrapped by every error of ParseWebhook.
var ErrWebhook = errors.New("not a BulkSMS webhook")

// ParseWebhook reads the body that BulkSMS posts to a webhook: a list of messages, empty when the webhook is being set
// up. The calls are not signed and come twice and out of order: never move a message back from a Final status, answer
// 2xx for messages that nobody knows (a 4xx drops the report for good), and 5xx only where a repeat would help.
func ParseWebhook(body []byte) ([]Message, error) {
	var list []Message
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("%w: not a list of messages", ErrWebhook)
	}
	if list == nil {
		return nil, fmt.Errorf("%w: null", ErrWebhook)
	}
	for _, m := range list {
		if m.ID == "" || m.Status.Type == "" {
			return nil, fmt.Errorf("%w: a message without id or status", ErrWebhook)
		}
	}
	return list, nil
}

package webhook_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"topupq/webhook"
)

// A handler for callbacks: read the bytes, verify them, answer, and only then think.
func ExampleVerify() {
	secret := os.Getenv("WEBHOOK_SECRET") // whsec_…, as shown when the endpoint was set up
	http.HandleFunc("POST /topups", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "unreadable", http.StatusBadRequest)
			return
		}
		if err := webhook.Verify(secret, r.Header, body, time.Now()); err != nil {
			http.Error(w, "not verified", http.StatusBadRequest)
			return
		}
		// Keep r.Header.Get("webhook-id") and body in one transaction; an ID that is there already is a repeat.
		w.WriteHeader(http.StatusNoContent)
	})
}

// What a changed body looks like.
func ExampleVerify_forged() {
	header := http.Header{}
	header.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	header.Set("webhook-timestamp", "1614265330")
	header.Set("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	secret, now := "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", time.Unix(1614265331, 0)

	fmt.Println(webhook.Verify(secret, header, []byte(`{"test": 2432232314}`), now))
	fmt.Println(webhook.Verify(secret, header, []byte(`{"test": 2432232315}`), now))
	// Output:
	// <nil>
	// webhook signature does not match
}

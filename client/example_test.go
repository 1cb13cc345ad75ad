package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"topupq/client"
)

// An answer has a member for every documented status.
func ExampleNewClientWithResponses() {
	intake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, `{"id":"xq5ksyzqgvo7d2wcm3ua","reference":"ord-1001","state":"accepted","metadata":{"key":%q}}`, r.Header.Get("Authorization"))
	}))
	defer intake.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	api, err := client.NewClientWithResponses(intake.URL, client.WithRequestEditorFn(client.Key("tq_live_example")))
	if err != nil {
		fmt.Println(err)
		return
	}
	reference := "ord-1001"
	answer, err := api.CreateTopupWithResponse(ctx, nil, client.TopupRequest{
		Reference: &reference, Recipient: "+27831234567", Amount: "5.00", Currency: "ZAR",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.StatusCode(), answer.JSON202.ID, answer.JSON202.State)
	// Output: 202 xq5ksyzqgvo7d2wcm3ua accepted
}

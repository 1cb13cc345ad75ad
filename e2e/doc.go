// Package e2e tests the whole product: real processes on a real Redis, against the providers' simulators, while things
// break. Every test has a small form that runs in "go test ./e2e" and a long one behind a make target.
package e2e

// Package harness runs the whole product for a test, as operators run it: real topupq processes on a real Redis
// server, with the providers' simulators and a merchant's callback receiver inside the test process.
//
// What is true about money is read from the simulators' books, from what the receiver took, and from the public API.
// The ledger's own keys are never read to judge the ledger.
//
// Between the processes and Redis stand two proxies. Link understands the commands and can cut a connection at one of
// them: before it, in the middle of it, or after it has taken effect. In front of it a toxiproxy makes the network
// slow, dumb or broken.
package harness

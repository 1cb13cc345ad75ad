// Package harness runs the whole product for a test, as operators run it: real topupq processes on a real Redis
// server, with the providers' simulators and a merchant's callback receiver inside the test process.
//
// What is true about money is read from the simulators' books, from what the receiver took, and from the public API.
// The ledger's own keys are never read to judge the ledger.
//
// Redis is one server, or with TOPUPQ_TEST_ENGINE=cluster a Redis Cluster of three primaries. Each primary then has
// proxies of its own and tells clients their addresses, so that every fault strikes a cluster as well, at one node or
// at all of them. What is not done to it here: its nodes always reach each other, no slot moves, and since a primary
// has no replica none takes over for it.
//
// Between the processes and each Redis server stand two proxies. Link understands the commands and can cut a connection at one of
// them: before it, in the middle of it, or after it has taken effect. In front of it a toxiproxy makes the network
// slow, dumb or broken.
package harness

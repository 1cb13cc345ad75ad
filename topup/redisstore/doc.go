// Package redisstore keeps the ledger in Redis 7 or later: one node, Sentinel or Cluster.
//
// A top-up is one packed value (record, history and owed callbacks together), found under its ID. Its head holds
// the state, the revision and the number of the last write, so that a write is compare-and-set in one script which
// also moves the due index, the batch counters and the outbox. Everything that a script touches carries the hash
// tag of the top-up's shard, so any script runs on one node of a cluster; 16 shards spread the load.
//
// All hot commands go through a group committer: what many goroutines ask for at the same time leaves in one
// pipeline, so that they share the round trip and, with appendfsync always, the fsync.
package redisstore

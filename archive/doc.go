// Package archive keeps the top-ups of closed days outside the ledger: one file per provider and day, NDJSON compressed
// with zstd, in a directory or in any store that speaks S3. What is written is read back and compared before anybody may
// rely on it. A file can be read with common tools:
//
//	zstd -dc aat-2026-11-23.ndjson.zst | jq .state
//
// PINs of vouchers are not archived: they end with the ledger's record.
package archive

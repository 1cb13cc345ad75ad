package redisstore

import (
	"strconv"
	"testing"

	"topupq/topup"
)

const clusterSlots = 16384

// slot is the hash slot of a tag, as the cluster specification computes it: CRC-16/XMODEM of the text in braces.
func slot(tag string) int {
	var crc uint16
	for i := range len(tag) {
		crc ^= uint16(tag[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % clusterSlots
}

func TestShardsSpreadOverPrimaries(t *testing.T) {
	t.Parallel()
	if got := slot("123456789"); got != 0x31C3 {
		t.Fatalf("the check value of CRC-16/XMODEM is %#x, want 0x31c3", got)
	}
	for _, primaries := range []int{1, 2, 3, 4, 5, 6, 8, 12, 16} {
		share := make([]int, primaries)
		for _, tag := range shardTags {
			share[slot(tag)*primaries/clusterSlots]++
		}
		for i, n := range share {
			if least := shards / primaries; n < least || n > least+1 {
				t.Errorf("of %d primaries number %d holds %d of %d shards: %v", primaries, i, n, shards, share)
			}
		}
		t.Logf("%2d primaries: %v", primaries, share)
	}
}

func TestTopupsSpreadOverShards(t *testing.T) {
	t.Parallel()
	const rows = 32_000
	share := make([]int, shards)
	for i := range rows {
		share[shardOf(string(topup.NewID("mer", strconv.Itoa(i))))]++
	}
	for shard, n := range share {
		if mean := rows / shards; n < mean*9/10 || n > mean*11/10 {
			t.Errorf("shard %d holds %d of %d top-ups", shard, n, rows)
		}
	}
}

package intake

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strings"
	"time"

	"topupq/topup"
)

// An API key is "tq_live_", 32 random characters and a checksum of 7, all of lower-case base32. The checksum lets a
// mistyped or made-up key be refused without a look into the store, and scanners know a leaked one.
const (
	keyPrefix   = "tq_live_"
	keyRandom   = 20 // bytes, 160 bits
	keyLength   = len(keyPrefix) + 32 + 7
	keyHintSize = 4
)

var keyEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewAPIKey returns a random key, to be shown once, and what the store keeps of it. Without scopes it has the
// default ones.
func NewAPIKey(now time.Time, scopes ...topup.Scope) (topup.Secret, topup.APIKey) {
	b := make([]byte, keyRandom)
	rand.Read(b) // crypto/rand never returns an error since Go 1.24
	key := keyPrefix + keyEncoding.EncodeToString(b)
	key += keyChecksum(key)
	if len(scopes) == 0 {
		scopes = topup.DefaultScopes
	}
	return topup.Secret(key), topup.APIKey{
		Hash: keyHash(key), Hint: key[len(key)-keyHintSize:], Scopes: append([]topup.Scope(nil), scopes...),
		CreatedAt: now.UTC().Truncate(time.Millisecond),
	}
}

// wellFormed reports whether key has the form and the checksum of one of ours.
func wellFormed(key string) bool {
	if len(key) != keyLength || !strings.HasPrefix(key, keyPrefix) {
		return false
	}
	body := key[:len(key)-7]
	return key[len(body):] == keyChecksum(body)
}

func keyChecksum(body string) string {
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(body)))
	return keyEncoding.EncodeToString(sum)
}

// keyHash is the SHA-256 of the whole key in lower-case hex.
func keyHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

package topup

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
)

// Keyring seals secrets at rest (voucher PINs, webhook secrets) with AES-256-GCM. A sealed text names the key
// that sealed it, so that keys can be rotated: the first writes, all of them read. Copies share their keys, also those
// that Replace puts in. The zero Keyring has no key, and none can be put in.
type Keyring struct{ shared *atomic.Pointer[keys] }

// keys are the keys of a Keyring at a moment, never changed.
type keys struct {
	write string
	byID  map[string]key
}

type key struct {
	cipher.AEAD
	// mark tells keys apart without being one.
	mark [sha256.Size]byte
}

// now returns the keys of this moment.
func (k Keyring) now() keys {
	if k.shared == nil {
		return keys{}
	}
	return *k.shared.Load()
}

// ErrNoKey means that a sealed text names a key that the keyring does not have, or that there is no key at all.
var ErrNoKey = errors.New("no such encryption key")

// ErrKeyReused means that a key has come under the ID of another one, which would make what that one has sealed unreadable.
var ErrKeyReused = errors.New("another encryption key under the same id: give the new one an id of its own and keep the old one behind it")

// ParseKeyring reads "base64 of 32 bytes", or "id:base64" comma separated, the first one writing. Empty text is
// a Keyring without keys. Its errors never show the keys.
func ParseKeyring(text string) (Keyring, error) {
	parsed, err := parseKeys(text)
	if err != nil {
		return Keyring{}, err
	}
	ring := Keyring{shared: &atomic.Pointer[keys]{}}
	ring.shared.Store(&parsed)
	return ring, nil
}

// Replace puts the keys of other in the place of this ring's, for all its copies, and returns the IDs of keys that are
// gone: what they sealed cannot be read any more. ErrKeyReused leaves everything as it was.
func (k Keyring) Replace(other Keyring) (gone []string, err error) {
	if k.shared == nil {
		return nil, ErrNoKey
	}
	before, after := k.now(), other.now()
	for id, old := range before.byID {
		next, kept := after.byID[id]
		if kept && next.mark != old.mark {
			return nil, fmt.Errorf("key %q: %w", id, ErrKeyReused)
		}
		if !kept {
			gone = append(gone, id)
		}
	}
	slices.Sort(gone)
	k.shared.Store(&after)
	return gone, nil
}

func parseKeys(text string) (keys, error) {
	ring := keys{byID: map[string]key{}}
	if strings.TrimSpace(text) == "" {
		return ring, nil
	}
	for i, part := range strings.Split(text, ",") {
		id, encoded, named := strings.Cut(strings.TrimSpace(part), ":")
		if !named {
			id, encoded = "0", id
		}
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(raw) != 32 {
			return keys{}, fmt.Errorf("encryption key number %d: want base64 of 32 bytes (openssl rand -base64 32)", i+1)
		}
		if _, twice := ring.byID[id]; twice || id == "" || len(id) > 32 {
			return keys{}, fmt.Errorf("encryption key number %d: its id must be unique, 1 to 32 characters", i+1)
		}
		block, err := aes.NewCipher(raw)
		if err != nil {
			return keys{}, fmt.Errorf("encryption key number %d: %w", i+1, err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return keys{}, fmt.Errorf("encryption key number %d: %w", i+1, err)
		}
		ring.byID[id] = key{aead, sha256.Sum256(raw)}
		if i == 0 {
			ring.write = id
		}
	}
	return ring, nil
}

// CanSeal reports whether the keyring has a key.
func (k Keyring) CanSeal() bool { return len(k.now().byID) > 0 }

// Seal encrypts s for the record named by owner; only that owner can Open it again. ErrNoKey without a key.
func (k Keyring) Seal(s Secret, owner string) ([]byte, error) {
	ring := k.now()
	aead, ok := ring.byID[ring.write]
	if !ok {
		return nil, ErrNoKey
	}
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce)
	head := append([]byte{byte(len(ring.write))}, ring.write...)
	return aead.Seal(append(head, nonce...), nonce, []byte(s), []byte(owner)), nil
}

// Open decrypts what Seal made for the same owner. ErrNoKey when its key is not in the ring; another error when
// the text was changed or belongs to somebody else.
func (k Keyring) Open(sealed []byte, owner string) (Secret, error) {
	if len(sealed) < 1 || len(sealed) < 1+int(sealed[0]) {
		return "", errors.New("open sealed text: too short")
	}
	n := 1 + int(sealed[0])
	aead, ok := k.now().byID[string(sealed[1:n])]
	if !ok {
		return "", ErrNoKey
	}
	if len(sealed) < n+aead.NonceSize() {
		return "", errors.New("open sealed text: too short")
	}
	nonce, text := sealed[n:n+aead.NonceSize()], sealed[n+aead.NonceSize():]
	plain, err := aead.Open(nil, nonce, text, []byte(owner))
	if err != nil {
		return "", errors.New("open sealed text: it was changed, or sealed for another record")
	}
	return Secret(plain), nil
}

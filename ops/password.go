package ops

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"

	"topupq/topup"
)

const (
	hashPrefix = "$argon2id$"
	// The second recommended option of RFC 9106: 64 MiB, 3 passes, 4 lanes.
	hashMemory  = 64 << 10
	hashPasses  = 3
	hashLanes   = 4
	hashSalt    = 16
	hashLength  = 32
	maxPassword = 1024
	// verifiedFor is how long a right password is remembered (as a keyed digest), so that HTTP Basic, which sends
	// it with every request, does not cost an argon2 each time.
	verifiedFor = 10 * time.Minute
	// parallelHashes bounds the memory that guessing can take.
	parallelHashes = 2
)

// HashPassword returns the argon2id hash of a password, as it is written into topupq.yaml.
func HashPassword(password topup.Secret) (string, error) {
	if password == "" || len(password) > maxPassword {
		return "", fmt.Errorf("a password has 1 to %d bytes", maxPassword)
	}
	h := hash{memory: hashMemory, passes: hashPasses, lanes: hashLanes, salt: make([]byte, hashSalt)}
	rand.Read(h.salt) // crypto/rand never returns an error since Go 1.24
	h.sum = h.of(password, hashLength)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("%sv=%d$m=%d,t=%d,p=%d$%s$%s", hashPrefix, argon2.Version,
		h.memory, h.passes, h.lanes, b64.EncodeToString(h.salt), b64.EncodeToString(h.sum)), nil
}

// hash is an argon2id hash taken apart.
type hash struct {
	memory, passes uint32
	lanes          uint8
	salt, sum      []byte
}

func (h hash) of(password topup.Secret, length int) []byte {
	return argon2.IDKey([]byte(password.Reveal()), h.salt, h.passes, h.memory, h.lanes, uint32(length))
}

var errHash = errors.New("not a hash that topupq hash-password makes")

func parseHash(s string) (hash, error) {
	var h hash
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes); err != nil {
		return h, errHash
	}
	var errSalt, errSum error
	h.salt, errSalt = base64.RawStdEncoding.DecodeString(parts[4])
	h.sum, errSum = base64.RawStdEncoding.DecodeString(parts[5])
	sane := h.memory >= 8 && h.memory <= 1<<20 && h.passes >= 1 && h.passes <= 16 && h.lanes >= 1 &&
		len(h.salt) >= 8 && len(h.sum) >= 16 && len(h.sum) <= 64
	if errSalt != nil || errSum != nil || !sane {
		return h, errHash
	}
	return h, nil
}

// passwords knows every user's.
type passwords struct {
	key   []byte
	slots chan struct{}
	now   func() time.Time

	mu    sync.Mutex
	users map[string]account
	// decoy is checked for unknown names, so that they take as long as known ones.
	decoy    account
	verified map[[sha256.Size]byte]time.Time
}

type account struct {
	user   User
	hashed *hash
}

func newPasswords(users []User, now func() time.Time) (*passwords, error) {
	p := &passwords{key: make([]byte, sha256.Size), slots: make(chan struct{}, parallelHashes), now: now}
	rand.Read(p.key)
	return p, p.replace(users)
}

// replace puts other users in the place of those known so far. What was verified has to be verified again.
func (p *passwords) replace(users []User) error {
	all, decoy := map[string]account{}, account{}
	for _, u := range users {
		a := account{user: u}
		if strings.HasPrefix(u.Password.Reveal(), hashPrefix) {
			h, err := parseHash(u.Password.Reveal())
			if err != nil {
				return fmt.Errorf("password of ops user %q: %w", u.Name, err)
			}
			a.hashed, decoy.hashed = &h, &h
		}
		if u.Password == "" {
			return fmt.Errorf("password of ops user %q: is empty", u.Name)
		}
		all[u.Name] = a
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users, p.decoy, p.verified = all, decoy, map[[sha256.Size]byte]time.Time{}
	return nil
}

// account returns a user's account, or for an unknown name one that nobody has.
func (p *passwords) account(name string) (account, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a, known := p.users[name]; known {
		return a, true
	}
	return p.decoy, false
}

// count is the number of users.
func (p *passwords) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.users)
}

// check returns the user whose name and password these are.
func (p *passwords) check(name string, password topup.Secret) (User, bool) {
	if password == "" || len(password) > maxPassword {
		return User{}, false
	}
	a, known := p.account(name)
	if a.hashed == nil {
		given, want := p.digest(name, password), p.digest(name, a.user.Password)
		return a.user, subtle.ConstantTimeCompare(given[:], want[:]) == 1 && known
	}
	digest := p.digest(name, password)
	if known && p.remembered(digest) {
		return a.user, true
	}
	p.slots <- struct{}{}
	sum := a.hashed.of(password, len(a.hashed.sum))
	<-p.slots
	if subtle.ConstantTimeCompare(sum, a.hashed.sum) != 1 || !known {
		return User{}, false
	}
	p.remember(digest)
	return a.user, true
}

// user returns a user by name, with a mark that changes with its password or role.
func (p *passwords) user(name string) (User, string, bool) {
	a, ok := p.account(name)
	mark := sha256.Sum256([]byte(a.user.Password.Reveal() + "\x00" + string(a.user.Role)))
	return a.user, base64.RawStdEncoding.EncodeToString(mark[:9]), ok
}

func (p *passwords) digest(name string, password topup.Secret) [sha256.Size]byte {
	m := hmac.New(sha256.New, p.key)
	m.Write([]byte(name + "\x00" + password.Reveal()))
	return [sha256.Size]byte(m.Sum(nil))
}

func (p *passwords) remembered(digest [sha256.Size]byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now().Before(p.verified[digest])
}

func (p *passwords) remember(digest [sha256.Size]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.verified[digest] = p.now().Add(verifiedFor)
}

// ErrPassword means that the name or the password is wrong.
var ErrPassword = errors.New("the name or the password is wrong")

// Authenticate returns the user whose name and password these are, or ErrPassword.
func Authenticate(users []User, name string, password topup.Secret) (User, error) {
	p, err := newPasswords(users, time.Now)
	if err != nil {
		return User{}, err
	}
	u, ok := p.check(name, password)
	if !ok {
		return User{}, ErrPassword
	}
	return u, nil
}

package ops

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"topupq/ops/console"
	"topupq/topup"
)

// Role is what a user may do.
type Role string

// The roles. Operators and admins may act in the dashboard, viewers may not.
const (
	RoleViewer   Role = "viewer"
	RoleOperator Role = "operator"
	RoleAdmin    Role = "admin"
)

// MayAct reports whether the role may change anything.
func (r Role) MayAct() bool { return r == RoleOperator || r == RoleAdmin }

// User may log in. Password is plain text, or a hash made by HashPassword.
type User struct {
	Name     string
	Password topup.Secret
	Role     Role
}

// Act is one state-changing request.
type Act struct {
	At time.Time
	// Actor is the user's name, Role what it may do, Remote the address it came from.
	Actor  string
	Role   Role
	Remote string
	// Method and Path name the act: POST /dashboard/api/queues/submit:aat/archived_tasks:run_all.
	Method, Path string
	// Tasks are the task IDs of a batch act; Path holds the others.
	Tasks []string
	// Status is 0 before the act, and afterwards what it was answered with.
	Status int
}

// Config is what New needs. Redis is required; without Users nothing but instructions is served.
type Config struct {
	// Redis is asynq's. The caller closes it after the listener. The dashboard's page about Redis itself needs a
	// *redis.Client or a *redis.ClusterClient; everything else works with any.
	Redis redis.UniversalClient
	Users []User
	// OIDC lets people log in at an issuer, too; nil for not.
	OIDC *OIDC
	// SessionKeys sign the sessions, so that they outlive a restart and hold on every replica: the first one signs, those
	// of all of them hold. Empty: a random one.
	SessionKeys []topup.Secret
	// Metrics is served at /metrics beside asynq's own; nil for asynq's alone.
	Metrics prometheus.Gatherer
	// Console is served at /; nil sends people to the dashboard.
	Console *console.Console
	// Audit is told of every act, before it (Status 0) and after it. When the first call fails the act is refused.
	Audit  func(ctx context.Context, a Act) error
	Logger *zap.Logger
	// Now is the clock, time.Now by default.
	Now func() time.Time
	// archive is maxArchive, smaller in tests.
	archive int
}

func (c *Config) complete() error {
	if c.Redis == nil {
		return errors.New("ops needs asynq's Redis")
	}
	if c.Audit == nil {
		c.Audit = func(context.Context, Act) error { return nil }
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.archive == 0 {
		c.archive = maxArchive
	}
	if c.OIDC != nil {
		if err := c.OIDC.check(); err != nil {
			return err
		}
	}
	return checkUsers(c.Users)
}

func checkUsers(users []User) error {
	seen := map[string]bool{}
	for _, u := range users {
		if u.Name == "" || seen[u.Name] {
			return fmt.Errorf("ops user %q: names must be unique and not empty", u.Name)
		}
		if u.Role != RoleViewer && !u.Role.MayAct() {
			return fmt.Errorf("ops user %q: unknown role %q", u.Name, u.Role)
		}
		seen[u.Name] = true
	}
	return nil
}

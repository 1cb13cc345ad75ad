package config

import "strings"

// prefix begins the name of every variable but the aliases.
const prefix = "TOPUPQ_"

// fileSuffix on the name of a secret means that its value is a file to read it from.
const fileSuffix = "_FILE"

// Setting is one setting as it is described to people.
type Setting struct {
	// Env is its name in the environment; Aliases are other variables that are read when Env is not set.
	Env     string
	Aliases []string
	// Default as it would be written; Meaning in a sentence or two.
	Default, Meaning string
	// Secret means that Env+"_FILE" is read too, and that the value is never shown.
	Secret bool
}

// Key is the setting's flat name in the file: "aat_timeout". Nested, each _ may be a level of its own.
func (s Setting) Key() string { return strings.ToLower(strings.TrimPrefix(s.Env, prefix)) }

// setting is a Setting and where its value goes.
type setting struct {
	Setting
	bind binding
}

// define describes one setting; group may be "".
func define(group, key, def string, bind binding, meaning string) setting {
	name := join(group, "_", key)
	return setting{
		Setting: Setting{Env: prefix + strings.ToUpper(name), Default: def, Meaning: meaning},
		bind:    bind,
	}
}

// defineSecret describes one that is never shown.
func defineSecret(group, key, def string, bind binding, meaning string) setting {
	s := define(group, key, def, bind, meaning)
	s.Secret = true
	return s
}

func (s setting) alias(names ...string) setting {
	s.Aliases = names
	return s
}

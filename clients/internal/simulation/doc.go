// Package simulation is what the simulators of the providers have in common and no provider decides: the control
// calls under /_sim/, the rules of scripted faults, the history of calls, answers that are cut, late or endless, and
// call-backs that are due at a time.
//
// It knows nothing about any provider and shares no type with the clients, so that a simulator stays a second
// reading of a provider's documents.
package simulation

// Package mutants builds the product wrong on purpose and sees whether the tests notice. A gate that cannot fail proves
// nothing: each mutant is a mistake that others have made with money, and names the test that must reject it.
//
// The product has no hooks for this. A mutant replaces text in source files by the -overlay flag of the go command, or
// changes a setting of the Redis that the named test runs.
package mutants

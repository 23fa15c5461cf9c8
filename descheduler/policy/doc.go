// Package policy reads the policy files of the upstream descheduler, apiVersion
// descheduler/v1alpha2 and kind DeschedulerPolicy, as of its v0.36, and writes them with all
// defaults.
//
// It is stricter than upstream: what upstream accepts and then ignores, such as a misspelled
// limit, is an error here. All errors of a file are reported at once, each with its path in the
// file. README.md lists the plugins, their arguments and the differences.
package policy

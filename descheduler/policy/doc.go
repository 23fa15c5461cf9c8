// Package policy reads the policy files of the Kubernetes descheduler, apiVersion
// descheduler/v1alpha2 and kind DeschedulerPolicy, as they are in its v0.36, and writes
// them out again with every default filled in.
//
// It is stricter than the original: what that lets pass and then does not do, such as
// a limit whose name is misspelled, is an error here. All errors of a file are
// reported at once, each with its path in the file. README.md lists the plugins, their
// arguments and where the two differ.
package policy

package policy

import (
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/stowage-k8s/stowage/internal/strict"
)

// parse reads the only document of a file, as the upstream descheduler does.
func parse(data []byte) (*strict.Node, strict.Errors, error) {
	root, err := strict.Parse(data, strict.AsKubernetes)
	switch {
	case errors.Is(err, strict.ErrEmpty):
		return nil, nil, fmt.Errorf("%w; a policy starts with apiVersion: %s", err, APIVersion)
	case root == nil:
		return nil, nil, err
	}
	errs, _ := errors.AsType[strict.Errors](err)
	return root, errs, nil
}

// decode fills a policy.
func decode(root *strict.Node, known registry, errs strict.Errors) (*Policy, strict.Errors) {
	d := &strict.Decoder{Manner: strict.AsKubernetes, Errors: errs}
	d.Hook = func(path string, n *strict.Node, into any) bool {
		config, is := into.(*PluginConfig)
		if is {
			decodePluginConfig(d, known, path, n, config)
		}
		return is
	}
	p := &Policy{}
	d.Decode("", root, p)
	return p, d.Errors
}

// decodePluginConfig decodes arguments into the type of the named plugin. They stay nil if there
// is no such plugin, which validation reports.
func decodePluginConfig(d *strict.Decoder, known registry, path string, n *strict.Node, config *PluginConfig) {
	var fields struct {
		Name string       `json:"name"`
		Args *strict.Node `json:"args" strict:"null"`
	}
	d.Decode(path, n, &fields)
	config.Name = fields.Name
	if plugin, is := known.find(config.Name); is {
		config.Args = plugin.NewArgs()
		if fields.Args != nil {
			d.Decode(strict.Child(path, "args"), fields.Args, config.Args)
		}
	}
}

// located returns the errors of validation with the lines of the fields.
func located(list field.ErrorList, root *strict.Node) strict.Errors {
	var errs strict.Errors
	for _, err := range list {
		errs = append(errs, strict.Error{Line: root.LineOf(err.Field), Path: err.Field, Message: err.ErrorBody()})
	}
	return errs
}

// consequence says whether an error only follows from an earlier one: about a value that could
// not be read, or about a parent or child of it.
func consequence(err *field.Error, before strict.Errors) bool {
	return slices.ContainsFunc(before, func(b strict.Error) bool {
		return b.Path != "" && (strict.Within(err.Field, b.Path) || err.Type == field.ErrorTypeRequired && strict.Within(b.Path, err.Field))
	})
}

// child returns the path of a map's field, as strict.Child does.
func child(path *field.Path, key string) *field.Path {
	if strict.Child("", key) == key {
		return path.Child(key)
	}
	return path.Key(key)
}

// Package preload writes the initial objects of a playground in the format of its database,
// so that a large cluster exists from the start: if it is created through the API server, a
// pod requires three requests until it is Ready. This is only suitable for fake clusters,
// because the objects are not validated, defaulted or admitted.
package preload

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

// Object is an object of the cluster.
type Object interface {
	metav1.Object
	runtime.Object
}

// Entry is an object in the format of the database.
type Entry struct{ Key, Value []byte }

// Writer writes objects to a file.
type Writer struct {
	file       *os.File
	out        *bufio.Writer
	serializer *protobuf.Serializer
}

// bufferSize is the size of buffers, in bytes.
const bufferSize = 1 << 20

// mostBytes limits the size of a key or a value; etcd accepts requests of 1.5 MiB.
const mostBytes = 1 << 20

// Create creates the file, or truncates it.
func Create(path string) (*Writer, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &Writer{file: file, out: bufio.NewWriterSize(file, bufferSize), serializer: protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)}, nil
}

// Add adds an object, which must be complete, with its UID and its status.
func (w *Writer) Add(object Object) error {
	kind, folder, err := kindOf(object)
	if err != nil {
		return err
	}
	codec := scheme.Codecs.EncoderForVersion(w.serializer, kind.GroupVersion())
	value, err := runtime.Encode(codec, object)
	if err != nil {
		return fmt.Errorf("encoding %s %s/%s: %w", kind.Kind, object.GetNamespace(), object.GetName(), err)
	}
	// The layout of the API server: a directory per resource, and in it one per namespace.
	for _, part := range [][]byte{[]byte(path.Join("/registry", folder, object.GetNamespace(), object.GetName())), value} {
		if _, err := w.out.Write(binary.AppendUvarint(nil, uint64(len(part)))); err != nil {
			return err
		}
		if _, err := w.out.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the file.
func (w *Writer) Close() error { return errors.Join(w.out.Flush(), w.file.Close()) }

// kindOf returns the kind of an object, and the directory of the database for that kind.
func kindOf(object Object) (schema.GroupVersionKind, string, error) {
	switch object.(type) {
	case *corev1.Namespace:
		return corev1.SchemeGroupVersion.WithKind("Namespace"), "namespaces", nil
	case *corev1.Node:
		return corev1.SchemeGroupVersion.WithKind("Node"), "minions", nil
	case *corev1.Pod:
		return corev1.SchemeGroupVersion.WithKind("Pod"), "pods", nil
	case *appsv1.Deployment:
		return appsv1.SchemeGroupVersion.WithKind("Deployment"), "deployments", nil
	case *appsv1.ReplicaSet:
		return appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), "replicasets", nil
	case *policyv1.PodDisruptionBudget:
		return policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"), "poddisruptionbudgets", nil
	}
	return schema.GroupVersionKind{}, "", fmt.Errorf("a %T cannot be preloaded", object)
}

// Read yields the entries of a file, and finally an error if the file is truncated.
func Read(path string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		defer file.Close()
		in := bufio.NewReaderSize(file, bufferSize)
		for {
			key, err := readPart(in)
			if err == io.EOF {
				return
			}
			var value []byte
			if err == nil {
				value, err = readPart(in)
			}
			if err != nil {
				yield(Entry{}, fmt.Errorf("reading the objects in %s: %w", path, err))
				return
			}
			if !yield(Entry{Key: key, Value: value}, nil) {
				return
			}
		}
	}
}

// readPart reads a key or a value; io.EOF means that there is none.
func readPart(in *bufio.Reader) ([]byte, error) {
	length, err := binary.ReadUvarint(in)
	if err != nil {
		return nil, err
	}
	if length > mostBytes {
		return nil, fmt.Errorf("part of %d bytes: must be at most %d", length, mostBytes)
	}
	part := make([]byte, length)
	if _, err := io.ReadFull(in, part); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return part, nil
}

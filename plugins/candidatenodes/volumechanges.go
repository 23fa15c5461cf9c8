package candidatenodes

import (
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/informers"
	toolscache "k8s.io/client-go/tools/cache"
)

// maxVolumeChanges limits how many names of changes are collected.
const maxVolumeChanges = 1 << 14

// volumeChanges are changes that may change how many volumes of a driver a node has room for.
type volumeChanges struct {
	// nodes are the names of the nodes concerned; claims are those whose pods' nodes are. All means all
	// nodes.
	nodes  sets.Set[string]
	claims sets.Set[types.NamespacedName]
	all    bool
}

// attachmentIndex is the name of the index of VolumeAttachments by PersistentVolume and by node.
const attachmentIndex = "stowage.dev/attachment"

// volumeEvents collects changes.
type volumeEvents struct {
	attachments   toolscache.Indexer
	registrations []toolscache.ResourceEventHandlerRegistration
	synced        bool

	mu sync.Mutex
	volumeChanges
}

// watchVolumes collects what changes about volumes, and about what drivers can do on nodes.
func watchVolumes(factory informers.SharedInformerFactory) (*volumeEvents, error) {
	core, storage := factory.Core().V1(), factory.Storage().V1()
	if err := addIndex(storage.VolumeAttachments().Informer(), attachmentIndex, attachmentOf); err != nil {
		return nil, err
	}
	e := &volumeEvents{attachments: storage.VolumeAttachments().Informer().GetIndexer()}
	e.reset()
	for _, informer := range []toolscache.SharedIndexInformer{
		core.PersistentVolumes().Informer(), core.PersistentVolumeClaims().Informer(), storage.StorageClasses().Informer(),
		storage.VolumeAttachments().Informer(), storage.CSINodes().Informer(), storage.CSIDrivers().Informer(),
	} {
		registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: e.note,
			UpdateFunc: func(before, now any) {
				e.note(before)
				e.note(now)
			},
			DeleteFunc: func(obj any) {
				if unknown, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
					obj = unknown.Obj
				}
				e.note(obj)
			},
		})
		if err != nil {
			return nil, fmt.Errorf("watching volumes: %w", err)
		}
		e.registrations = append(e.registrations, registration)
	}
	return e, nil
}

// attachmentOf returns what a VolumeAttachment is found by.
func attachmentOf(obj any) ([]string, error) {
	attachment, ok := obj.(*storagev1.VolumeAttachment)
	if !ok {
		return nil, nil
	}
	keys := []string{onNode(attachment.Spec.NodeName)}
	if name := attachment.Spec.Source.PersistentVolumeName; name != nil {
		keys = append(keys, ofVolume(*name))
	}
	return keys, nil
}

func onNode(name string) string   { return "node/" + name }
func ofVolume(name string) string { return "volume/" + name }

// attached returns how many VolumeAttachments the node has.
func (e *volumeEvents) attached(node string) int {
	attachments, _ := e.attachments.ByIndex(attachmentIndex, onNode(node))
	return len(attachments)
}

// addIndex adds an index unless another profile has.
func addIndex(informer toolscache.SharedIndexInformer, name string, of toolscache.IndexFunc) error {
	if _, has := informer.GetIndexer().GetIndexers()[name]; has {
		return nil
	}
	if err := informer.AddIndexers(toolscache.Indexers{name: of}); err != nil {
		return fmt.Errorf("indexing volumes: %w", err)
	}
	return nil
}

func (e *volumeEvents) reset() {
	e.volumeChanges = volumeChanges{nodes: sets.New[string](), claims: sets.New[types.NamespacedName]()}
}

func (e *volumeEvents) note(obj any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch o := obj.(type) {
	case *corev1.PersistentVolume:
		if ref := o.Spec.ClaimRef; ref != nil {
			e.claims.Insert(types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name})
		} else {
			e.all = true // of claims, too, that name it
		}
		attached, _ := e.attachments.ByIndex(attachmentIndex, ofVolume(o.Name))
		for _, obj := range attached {
			if attachment, ok := obj.(*storagev1.VolumeAttachment); ok {
				e.nodes.Insert(attachment.Spec.NodeName)
			}
		}
	case *corev1.PersistentVolumeClaim:
		e.claims.Insert(types.NamespacedName{Namespace: o.Namespace, Name: o.Name})
	case *storagev1.VolumeAttachment:
		e.nodes.Insert(o.Spec.NodeName)
	case *storagev1.CSINode:
		e.nodes.Insert(o.Name)
	default:
		e.all = true
	}
	if len(e.nodes)+len(e.claims) > maxVolumeChanges {
		e.reset()
		e.all = true
	}
}

// drain returns the changes since the last call. Unless the informers run, as those of a simulation never
// do, everything may have changed.
func (e *volumeEvents) drain() volumeChanges {
	for !e.synced && len(e.registrations) > 0 && e.registrations[0].HasSynced() {
		e.registrations = e.registrations[1:]
		e.synced = len(e.registrations) == 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	changed := e.volumeChanges
	changed.all = changed.all || !e.synced
	e.reset()
	return changed
}

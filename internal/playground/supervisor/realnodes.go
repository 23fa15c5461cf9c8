package supervisor

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/stowage-k8s/stowage/internal/image"
	"github.com/stowage-k8s/stowage/internal/playground/cgroups"
	"github.com/stowage-k8s/stowage/internal/playground/pki"
	"github.com/stowage-k8s/stowage/internal/playground/realnode"
	"github.com/stowage-k8s/stowage/internal/process"
	"github.com/stowage-k8s/stowage/internal/version"
)

// RealNode is the component that is the first process of a real node, and Kubelet the
// component that it starts.
const (
	RealNode = "real-node"
	Kubelet  = "kubelet"
)

const (
	// egressConfigFile is the API server's configuration for connections to nodes.
	egressConfigFile = "egress.yaml"
	egressSocketFile = "egress.sock"
)

// makeNetwork creates the network that connects real nodes and the API server, after checking
// whether real nodes can run here.
func (s *supervisor) makeNetwork() error {
	if err := realnode.Check(); err != nil {
		return err
	}
	service, err := netip.ParseAddr(serviceIP)
	if err != nil {
		return err
	}
	server := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(s.port))
	s.network, err = realnode.NewNetwork(netip.AddrPortFrom(service, 443), server)
	return err
}

// writeRealNodeFiles writes the files that the API server needs to connect to real nodes.
func (s *supervisor) writeRealNodeFiles() error {
	var err error
	if s.kubeletClient, err = s.authority.Client(pki.Identity{User: "kube-apiserver-kubelet-client", Groups: []string{"system:masters"}}); err != nil {
		return err
	}
	socket := s.path(egressSocketFile)
	return errors.Join(
		s.network.ServeEgress(socket),
		os.WriteFile(s.path(egressConfigFile), realnode.EgressConfig(socket), 0o600),
	)
}

// startRealNodes starts the real nodes and returns their names. They register their own Node
// objects.
func (s *supervisor) startRealNodes() ([]string, error) {
	if s.opts.RealNodes == 0 {
		return nil, nil
	}
	begin := time.Now()
	images, err := s.writeImages()
	if err != nil {
		return nil, err
	}
	s.step(fmt.Sprintf("%d images for real nodes created", len(images)), begin)
	images = append(images, s.opts.Images...)
	var names []string
	for number := 1; number <= s.opts.RealNodes; number++ {
		name := realnode.Name(number)
		config, err := realnode.Prepare(realnode.Options{
			Number: number,
			Dir:    s.path(name),
			Group:  cgroups.Of(s.dir),
			CAFile: s.authority.CAFile(),
			Kubeconfig: func(path, node string) error {
				return s.authority.Kubeconfig(path, node, "https://"+serviceIP, pki.Identity{User: "system:node:" + node, Groups: []string{"system:nodes"}})
			},
			Images: images,
		})
		if err != nil {
			return nil, err
		}
		p, err := s.startProcess(process.Spec{
			Name:       name,
			Path:       s.binary,
			Args:       []string{"component", RealNode, config},
			Namespaces: realnode.Namespaces,
		})
		if err == nil {
			err = s.network.Plug(number, p.PID())
		}
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// writeImages creates images of the programs in this binary's directory, except for those
// that are given, and returns their files.
func (s *supervisor) writeImages() ([]string, error) {
	if err := os.Mkdir(s.path("images"), 0o700); err != nil {
		return nil, err
	}
	var given, files []string
	for _, archive := range s.opts.Images {
		names, err := image.Names(archive)
		if err != nil {
			return nil, err
		}
		given = append(given, names...)
	}
	for _, program := range append(slices.Clone(image.Programs), image.Pause) {
		binary := filepath.Join(filepath.Dir(s.binary), program.Name)
		_, err := os.Stat(binary)
		reference := image.Reference(program)
		// Pods that need a missing image will report it.
		if slices.Contains(given, reference) || errors.Is(err, fs.ErrNotExist) && program != image.Pause {
			continue
		}
		img, err := image.Of(program, binary, image.Options{Version: version.Stowage(), Level: gzip.BestSpeed})
		if err != nil {
			return nil, err
		}
		file := s.path(filepath.Join("images", program.Name+".tar"))
		if _, err := image.Write(file, reference, img); err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

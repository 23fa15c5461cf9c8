// Package pki creates the certificates and kubeconfigs of a playground. Their certificate
// authorities are only used for that playground.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	certutil "k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// validity is the lifetime of certificates, which exceeds that of any playground.
const validity = 365 * 24 * time.Hour

// Authority signs certificates of one playground and keeps them in a folder.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Identity is the identity in a client certificate: a user and its groups.
type Identity struct {
	User   string
	Groups []string
}

// KeyPair are the PEM files of a certificate and its key.
type KeyPair struct {
	Cert, Key string
}

// NewAuthority generates a certificate authority of that name and writes its certificate
// to ca.crt in the folder, which it creates.
func NewAuthority(dir, name string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	cert, err := certutil.NewSelfSignedCACert(certutil.Config{CommonName: name}, key)
	if err != nil {
		return nil, fmt.Errorf("generating a certificate authority: %w", err)
	}
	a := &Authority{dir: dir, cert: cert, key: key}
	return a, os.WriteFile(a.CAFile(), encodeCert(cert.Raw), 0o600)
}

// CAFile is the file of the authority's certificate.
func (a *Authority) CAFile() string { return filepath.Join(a.dir, "ca.crt") }

// Server issues a serving certificate for the names and addresses.
func (a *Authority) Server(name string, hosts []string, addresses []net.IP) (KeyPair, error) {
	return a.issue(name, &x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		DNSNames:    hosts,
		IPAddresses: addresses,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
}

// Client issues a client certificate.
func (a *Authority) Client(id Identity) (KeyPair, error) {
	return a.issue(id.User, &x509.Certificate{
		Subject:     pkix.Name{CommonName: id.User, Organization: id.Groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

// SigningKey writes a key pair for service account tokens: the public key is in Cert.
func (a *Authority) SigningKey(name string) (KeyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return KeyPair{}, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return KeyPair{}, err
	}
	return a.write(name, pem.EncodeToMemory(&pem.Block{Type: keyutil.PublicKeyBlockType, Bytes: public}), key)
}

// Kubeconfig writes a self-contained kubeconfig: it embeds the certificates with which the
// identity connects to the server.
func (a *Authority) Kubeconfig(path, context, server string, id Identity) error {
	pair, err := a.Client(id)
	if err != nil {
		return err
	}
	cert, err := os.ReadFile(pair.Cert)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(pair.Key)
	if err != nil {
		return err
	}
	cfg := clientcmdapi.NewConfig()
	cfg.Clusters[context] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: encodeCert(a.cert.Raw)}
	cfg.AuthInfos[id.User] = &clientcmdapi.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}
	cfg.Contexts[context] = &clientcmdapi.Context{Cluster: context, AuthInfo: id.User}
	cfg.CurrentContext = context
	if err := clientcmd.WriteToFile(*cfg, path); err != nil {
		return fmt.Errorf("writing kubeconfig %s: %w", path, err)
	}
	return nil
}

// issue signs the template with a new key and writes both.
func (a *Authority) issue(name string, template *x509.Certificate) (KeyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return KeyPair{}, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 63)); err != nil {
		return KeyPair{}, err
	}
	template.NotBefore, template.NotAfter = a.cert.NotBefore, a.cert.NotBefore.Add(validity)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return KeyPair{}, fmt.Errorf("signing the certificate of %s: %w", name, err)
	}
	return a.write(name, encodeCert(der), key)
}

func (a *Authority) write(name string, public []byte, key *ecdsa.PrivateKey) (KeyPair, error) {
	private, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return KeyPair{}, err
	}
	base := filepath.Join(a.dir, filepath.Base(name))
	pair := KeyPair{Cert: base + ".crt", Key: base + ".key"}
	if err := os.WriteFile(pair.Cert, public, 0o600); err != nil {
		return KeyPair{}, err
	}
	return pair, os.WriteFile(pair.Key, private, 0o600)
}

func encodeCert(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: certutil.CertificateBlockType, Bytes: der})
}

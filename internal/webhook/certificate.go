package webhook

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/cert"
)

// The content of the Secret: the certificate with that of its CA, its key, and the trusted
// CAs.
const (
	certKey = corev1.TLSCertKey
	keyKey  = corev1.TLSPrivateKeyKey
	caKey   = "ca.crt"
)

// check returns until when a Secret's certificate is valid for the host, or why it must be
// replaced. It is replaced when a third of its lifetime is left.
func check(data map[string][]byte, host string, now time.Time) (time.Time, error) {
	leaf, err := verify(data, data[caKey], host, now)
	if err != nil {
		return time.Time{}, err
	}
	until := leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore) / 3)
	if !now.Before(until) {
		return time.Time{}, fmt.Errorf("it expires at %s", leaf.NotAfter.UTC().Format(time.DateTime))
	}
	return until, nil
}

// verify returns the certificate in a Secret, or an error if the trusted CAs do not verify
// it.
func verify(data map[string][]byte, trusted []byte, host string, now time.Time) (*x509.Certificate, error) {
	pair, err := tls.X509KeyPair(data[certKey], data[keyKey])
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(trusted)
	_, err = pair.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, CurrentTime: now})
	return pair.Leaf, err
}

// renew returns the new content of a Secret: a certificate for the host, for one year, from a
// new CA whose key is discarded. The CA of the previous certificate remains trusted, because
// that is still being served.
func renew(data map[string][]byte, host string) (map[string][]byte, error) {
	certificate, key, err := cert.GenerateSelfSignedCertKey(host, nil, nil)
	if err != nil {
		return nil, err
	}
	ca, err := authority(certificate)
	if err != nil {
		return nil, err
	}
	if before, err := authority(data[certKey]); err == nil {
		ca = append(ca, before...)
	}
	return map[string][]byte{certKey: certificate, keyKey: key, caKey: ca}, nil
}

// authority returns the CA that is included with a certificate.
func authority(chain []byte) ([]byte, error) {
	if _, rest := pem.Decode(chain); rest != nil {
		if block, _ := pem.Decode(rest); block != nil && block.Type == cert.CertificateBlockType {
			return pem.EncodeToMemory(block), nil
		}
	}
	return nil, errors.New("the certificate has no CA")
}

package servers

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

// tls_files.go: the certificates by which a server is known, and by which we are known to it. Files are read for each connection, so that one that was
// replaced counts from the next on. kafka_tls.go uses them, and whatever asks a schema registry.

// TLSFiles are certificates and a key. Each is the name of a file, or PEM text itself. Without any this machine's authorities are trusted and no
// certificate is shown.
type TLSFiles struct {
	Option string // what flags with these names begin with, such as --kafka
	CA     string // PEM of the authorities that are trusted, in place of this machine's
	Cert   string // PEM of our own certificate and those between it and its authority
	Key    string // PEM of its key, not encrypted; secret where it is PEM text
}

// pemBegin is how PEM begins, after what comments there are.
const pemBegin = "-----BEGIN "

// Check reads what f names and returns what is wrong with it, without showing it.
func (f TLSFiles) Check() error {
	_, err := f.Config("")
	return err
}

// Config reads the files and returns how to do a handshake with a host, in TLS 1.2 at least. An error names the flag.
func (f TLSFiles) Config(host string) (*tls.Config, error) {
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		text, err := readPEM(f.CA)
		if err != nil {
			return nil, fmt.Errorf("%s-ca-file: %w", f.Option, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s-ca-file: it holds no certificate in PEM: -----BEGIN CERTIFICATE-----", f.Option)
		}
	}
	switch {
	case f.Cert == "" && f.Key == "":
		return config, nil
	case f.Cert == "" || f.Key == "":
		return nil, fmt.Errorf("%s-cert-file and %s-key-file belong together: add the other; one file may hold both", f.Option, f.Option)
	}
	cert, err := readPEM(f.Cert)
	if err != nil {
		return nil, fmt.Errorf("%s-cert-file: %w", f.Option, err)
	}
	key, err := readPEM(f.Key)
	if err != nil {
		return nil, fmt.Errorf("%s-key-file: %w", f.Option, err)
	}
	if strings.Contains(string(key), "ENCRYPTED") {
		return nil, fmt.Errorf("%s-key-file: %w", f.Option, errEncryptedKey)
	}
	own, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s-cert-file and %s-key-file are no pair of certificate and key: %w", f.Option, f.Option, err)
	}
	config.Certificates = []tls.Certificate{own}
	return config, nil
}

var errEncryptedKey = errors.New("the key is encrypted: decrypt it with: openssl pkcs8 -in KEY -out PLAIN, and let nobody else read that")

// readPEM returns the text itself, or what the file of that name holds.
func readPEM(value string) ([]byte, error) {
	if strings.Contains(value, pemBegin) {
		return []byte(value), nil
	}
	return os.ReadFile(value)
}

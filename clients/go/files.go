package prack

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// files are those of TLS, as PEM; "" for none.
type files struct {
	authorities, cert, key string
	server                 string
}

func (e *environment) files() files {
	f := files{
		authorities: e.get("PRACK_TLS_CA"), cert: e.get("PRACK_CLIENT_CERT"), key: e.get("PRACK_CLIENT_KEY"),
		server: e.get("PRACK_TLS_SERVER_NAME"),
	}
	if (f.cert == "") != (f.key == "") {
		e.mistakes = append(e.mistakes, fmt.Errorf(
			"PRACK_CLIENT_CERT %q and PRACK_CLIENT_KEY %q: expected both or none", f.cert, f.key))
	}
	return f
}

// config reads the files. Without authorities those of the system are trusted, or of SSL_CERT_FILE and
// SSL_CERT_DIR.
func (f files) config() (*tls.Config, error) {
	config := &tls.Config{ServerName: f.server, MinVersion: tls.VersionTLS12}
	if f.authorities != "" {
		pem, err := os.ReadFile(f.authorities)
		if err != nil {
			return nil, fmt.Errorf("PRACK_TLS_CA: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("PRACK_TLS_CA %q: expected certificates in PEM", f.authorities)
		}
	}
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, fmt.Errorf("PRACK_CLIENT_CERT %q cannot be used with the key %q: %w", f.cert, f.key, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

package carrier

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestErrorsOfTLSSayWhatToDo(t *testing.T) {
	secure := httptest.NewUnstartedServer(nil)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshakes that fail
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewServer(nil)
	defer plain.Close()
	known := x509.NewCertPool()
	known.AddCert(secure.Certificate())
	for _, c := range []struct {
		server   *httptest.Server
		config   *tls.Config
		expected string
	}{
		{secure, &tls.Config{}, "name its authority with PRACK_TLS_CA"},
		{secure, &tls.Config{RootCAs: known, ServerName: "other.test"}, "is not for other.test"},
		{plain, &tls.Config{RootCAs: known}, "speaks no TLS"},
		{secure, &tls.Config{RootCAs: known}, ""},
	} {
		conn, err := Connect(context.Background(), Call{Address: c.server.Listener.Addr().String(), TLS: c.config}, "http/1.1")
		if err == nil {
			conn.Close()
		}
		if (err == nil) != (c.expected == "") || (err != nil && !strings.Contains(err.Error(), c.expected)) {
			t.Errorf("%v, expected %q", err, c.expected)
		}
	}
}

func TestAGatewayMayDemandACertificate(t *testing.T) {
	secure := httptest.NewUnstartedServer(nil)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	secure.StartTLS()
	defer secure.Close()
	known := x509.NewCertPool()
	known.AddCert(secure.Certificate())
	conn, err := Connect(context.Background(), Call{Address: secure.Listener.Addr().String(), TLS: &tls.Config{RootCAs: known}}, "http/1.1")
	if err == nil { // of TLS 1.3 the client hears when it reads
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1))
		err = Explain(err, "")
	}
	if err == nil || !strings.Contains(err.Error(), "PRACK_CLIENT_CERT") {
		t.Error(err)
	}
}

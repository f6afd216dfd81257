package carrier

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
)

// Connect dials the call's address, directly whatever a proxy's variable says, and greets over TLS
// if the call is for that, offering the protocol alpn. Errors say what to do about them.
func Connect(ctx context.Context, call Call, alpn string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", call.Address)
	if err != nil {
		return nil, fmt.Errorf("%w (is `prack serve` running there?)", err)
	}
	if call.TLS == nil {
		return conn, nil
	}
	config := call.TLS.Clone()
	config.NextProtos = []string{alpn}
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(call.Address)
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, Explain(err, config.ServerName)
	}
	return secure, nil
}

// Explain adds to an error of TLS what to do about it. Other errors are returned as they are.
func Explain(err error, server string) error {
	var (
		misnamed  x509.HostnameError
		untrusted *tls.CertificateVerificationError
		plain     tls.RecordHeaderError
		network   *net.OpError
	)
	switch {
	case errors.As(err, &misnamed):
		return fmt.Errorf("the gateway's certificate is not for %s: call it by a name that it is "+
			"for, or give that with PRACK_TLS_SERVER_NAME", server)
	case errors.As(err, &untrusted):
		return fmt.Errorf("the gateway's certificate is not trusted (%w): name its authority with "+
			"PRACK_TLS_CA", untrusted.Err)
	case errors.As(err, &plain):
		return errors.New("the server there speaks no TLS: use a scheme without s, or start " +
			"`prack serve` with --api-tls-cert and --api-tls-key")
	case errors.As(err, &network) && network.Op == "remote error": // an alert of TLS
		return fmt.Errorf("the gateway ended the TLS handshake (%w): it may demand a certificate of "+
			"an authority that it trusts; give one with PRACK_CLIENT_CERT and PRACK_CLIENT_KEY", err)
	}
	return err
}

// ErrToken is why a gateway takes no stream: the token is wrong, or missing (2.5).
var ErrToken = errors.New("the gateway rejects this token: check PRACK_TOKEN or PRACK_TOKEN_FILE")

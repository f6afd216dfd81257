// Package carrier is what a stream of frames needs of the connection below it (proto/README.md,
// sections 1 and 11), and the list of those that a program has.
package carrier

import (
	"context"
	"crypto/tls"
	"maps"
	"slices"

	"prack.example/go/prackv1"
)

// Stream carries frames, for one reader and one writer. Close may be called by anyone.
type Stream interface {
	// Read returns the next frame, or io.EOF once the gateway has ended the stream in order.
	Read() (*prackv1.GatewayFrame, error)
	// Write sends one frame. Why a stream broke off is said by Read.
	Write(*prackv1.WorkerFrame) error
	// CloseWrite half-closes: no frame follows.
	CloseWrite() error
	// Close breaks off what is left.
	Close() error
}

// Call says whom to dial.
type Call struct {
	Address string      // host:port
	Token   string      // "" for none
	TLS     *tls.Config // nil: without TLS
}

// Carrier is one way to carry frames.
type Carrier struct {
	// Dial opens a stream without a hello. The context is for the dial only.
	Dial func(context.Context, Call) (Stream, error)
	Port string // of a gateway's address that names none
	// Costly: a frame has its price whatever is in it, so there should be few, and full ones.
	Costly bool
}

var known = map[string]Carrier{}

// Register adds a carrier for gateways scheme://, and schemes:// over TLS. It is called by the
// init function of the package that has it.
func Register(scheme string, carrier Carrier) { known[scheme] = carrier }

// Named returns the carrier of a scheme without TLS.
func Named(scheme string) (Carrier, bool) {
	carrier, ok := known[scheme]
	return carrier, ok
}

// Schemes lists the registered ones.
func Schemes() []string { return slices.Sorted(maps.Keys(known)) }

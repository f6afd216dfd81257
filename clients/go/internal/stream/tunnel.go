package stream

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	pb "prack.example/go/prackv1"
)

var headEnd = []byte("\r\n\r\n")

// tunnel is the connection of a WebSocket, whose frames and handshake are the handler's (10.5). The
// exchange ends with its Close.
type tunnel struct {
	*exchange
	writing sync.Mutex
	open    bool   // the 101 is out
	head    []byte // of the response, not complete yet
	closed  bool
}

// Write sends bytes to the client. The first ones are a response head, which libraries write as if
// there were a connection.
func (t *tunnel) Write(p []byte) (int, error) {
	t.writing.Lock()
	defer t.writing.Unlock()
	if t.closed {
		return 0, net.ErrClosed
	}
	rest := p
	if !t.open {
		t.head = append(t.head, p...)
		head, after, complete := bytes.Cut(t.head, headEnd)
		if !complete {
			return len(p), nil
		}
		if err := t.accept(head); err != nil {
			return 0, err
		}
		rest = after
	}
	if err := t.send(rest); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (t *tunnel) accept(head []byte) error {
	reader := bufio.NewReader(bytes.NewReader(append(bytes.Clone(head), headEnd...)))
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return fmt.Errorf("the first bytes on a connection that was taken over are no response head: %w", err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("a WebSocket is accepted with status 101, not %d; refuse it before Hijack", response.StatusCode)
	}
	t.open, t.head = true, nil
	return t.sendHead(&pb.ResponseHead{Status: uint32(response.StatusCode), Headers: flatten(response.Header)}, false)
}

// Close ends the connection and the exchange.
func (t *tunnel) Close() error {
	t.fail(net.ErrClosed) // frees a Write that waits
	t.writing.Lock()
	defer t.writing.Unlock()
	if t.closed {
		return net.ErrClosed
	}
	t.closed = true
	t.end()
	t.leave()
	return nil
}

func (t *tunnel) end() {
	switch {
	case t.cause() != net.ErrClosed: //nolint:errorlint // nobody waits
		t.abort(pb.AbortCode_ABORT_CODE_CANCELLED, "")
	case !t.open:
		t.abort(pb.AbortCode_ABORT_CODE_HANDLER_ERROR, "a connection was taken over and closed without a response")
	default:
		_ = t.sendFinish(nil)
	}
}

type address string

func (address) Network() string  { return "prack" }
func (a address) String() string { return string(a) }

// LocalAddr is the host that the client asked for.
func (t *tunnel) LocalAddr() net.Addr { return address(t.message.Authority) }

// RemoteAddr is the client's.
func (t *tunnel) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.ParseIP(t.message.GetClient().GetIp()), Port: int(t.message.GetClient().GetPort())}
}

// SetDeadline is net.Conn's.
func (t *tunnel) SetDeadline(at time.Time) error {
	t.setDeadline(&t.readBy, at)
	t.setDeadline(&t.writeBy, at)
	return nil
}

// SetReadDeadline is net.Conn's.
func (t *tunnel) SetReadDeadline(at time.Time) error {
	t.setDeadline(&t.readBy, at)
	return nil
}

// SetWriteDeadline is net.Conn's.
func (t *tunnel) SetWriteDeadline(at time.Time) error {
	t.setDeadline(&t.writeBy, at)
	return nil
}

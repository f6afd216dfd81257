// Package plain carries frames on bare connections to the REST port (proto/README.md, section 11).
package plain

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"google.golang.org/protobuf/proto"

	"prack.example/go/carrier"
	"prack.example/go/prackv1"
)

const (
	maxFrame = 4 << 20 // 1.5
	prefix   = 4       // bytes of length before each message (11.3)
	hint     = "(prack:// connects to the REST port of `prack serve`, 4242 by default)"
)

func init() {
	carrier.Register("prack", carrier.Carrier{Dial: dial, Port: "4242"})
}

func dial(ctx context.Context, call carrier.Call) (carrier.Stream, error) {
	conn, err := carrier.Connect(ctx, call, "http/1.1")
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	reader := bufio.NewReaderSize(conn, 64<<10)
	if err := upgrade(conn, reader, call); err != nil {
		conn.Close()
		return nil, err
	}
	return &stream{conn: conn, reader: reader}, nil
}

// upgrade asks for the stream and waits for the 101 (11.2).
func upgrade(conn net.Conn, reader *bufio.Reader, call carrier.Call) error {
	request, err := http.NewRequest(http.MethodGet, "http://"+call.Address+"/api/v1/stream", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "prack.v1")
	if call.Token != "" {
		request.Header.Set("Authorization", "Bearer "+call.Token)
	}
	if err := request.Write(conn); err != nil {
		return carrier.Explain(err, "")
	}
	response, err := http.ReadResponse(reader, request)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the server closed the connection without a response %s", hint)
	case err != nil:
		return carrier.Explain(err, "")
	}
	return refusal(response)
}

func refusal(response *http.Response) error {
	switch response.StatusCode {
	case http.StatusSwitchingProtocols:
		return nil
	case http.StatusUnauthorized:
		return carrier.ErrToken
	case http.StatusBadRequest:
		return errors.New("the server there refused the call: if it speaks TLS, use pracks://")
	case http.StatusForbidden:
		return errors.New("the gateway does not take calls by this name without a token: set one on " +
			"both sides, or name it with --api-hosts of `prack serve`")
	case http.StatusUpgradeRequired:
		return errors.New("a proxy in between does not pass on the upgrade: configure it to, or use " +
			"grpc://")
	}
	return fmt.Errorf("expected 101 Switching Protocols, got %q %s", response.Status, hint)
}

type stream struct {
	conn   net.Conn
	reader *bufio.Reader
	in     []byte // reused: protobuf copies what it keeps
	out    []byte
}

func (s *stream) Read() (*prackv1.GatewayFrame, error) {
	var head [prefix]byte
	if _, err := io.ReadFull(s.reader, head[:]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint32(head[:]))
	if size > maxFrame {
		return nil, fmt.Errorf("the gateway sent a frame of %d bytes; at most %d are allowed", size, maxFrame)
	}
	if cap(s.in) < size {
		s.in = make([]byte, size)
	}
	if _, err := io.ReadFull(s.reader, s.in[:size]); err != nil {
		return nil, err
	}
	frame := new(prackv1.GatewayFrame)
	if err := proto.Unmarshal(s.in[:size], frame); err != nil {
		return nil, fmt.Errorf("the gateway sent an invalid frame: %w", err)
	}
	return frame, nil
}

func (s *stream) Write(frame *prackv1.WorkerFrame) error {
	out, err := proto.MarshalOptions{}.MarshalAppend(append(s.out[:0], 0, 0, 0, 0), frame)
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(out, uint32(len(out)-prefix))
	s.out = out
	_, err = s.conn.Write(out)
	return err
}

// CloseWrite sends a FIN, over TLS a close_notify (11.4, 11.5).
func (s *stream) CloseWrite() error {
	return s.conn.(interface{ CloseWrite() error }).CloseWrite()
}

func (s *stream) Close() error { return s.conn.Close() }

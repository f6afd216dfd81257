// Package prackgrpc carries a worker's frames over gRPC. A program imports it for that alone:
//
//	import _ "prack.example/go/grpc"
//
// Then gateways may be grpc://host:port, or grpcs:// over TLS.
package prackgrpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"prack.example/go/carrier"
	"prack.example/go/prackv1"
)

const (
	method = "/prack.v1.WorkerService/Connect"
	hint   = "(grpc:// connects to the gRPC port of `prack serve`, 4243 by default)"
)

func init() {
	carrier.Register("grpc", carrier.Carrier{Dial: dial, Port: "4243", Costly: true})
}

func dial(ctx context.Context, call carrier.Call) (carrier.Stream, error) {
	// The worker connects, over TLS too: gRPC would hide why that failed, and ask proxies' variables.
	conn, err := carrier.Connect(ctx, call, "h2")
	if err != nil {
		return nil, err
	}
	once := make(chan net.Conn, 1)
	once <- conn
	client, err := grpc.NewClient("passthrough:///"+call.Address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			select {
			case conn := <-once:
				return conn, nil
			default:
				return nil, errors.New("this connection has ended")
			}
		}),
		grpc.WithDisableRetry(), // the worker dials again itself
	)
	if err != nil {
		conn.Close()
		return nil, err
	}
	own, cancel := context.WithCancel(context.Background())
	s := &stream{client: client, cancel: cancel}
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	if call.Token != "" {
		own = metadata.AppendToOutgoingContext(own, "authorization", "Bearer "+call.Token)
	}
	both := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	if s.call, err = client.NewStream(own, both, method); err != nil {
		s.Close()
		return nil, explain(err)
	}
	return s, nil
}

type stream struct {
	client *grpc.ClientConn
	call   grpc.ClientStream
	cancel context.CancelFunc
}

func (s *stream) Read() (*prackv1.GatewayFrame, error) {
	frame := new(prackv1.GatewayFrame)
	if err := s.call.RecvMsg(frame); err != nil {
		return nil, explain(err)
	}
	return frame, nil
}

func (s *stream) Write(frame *prackv1.WorkerFrame) error { return s.call.SendMsg(frame) }

func (s *stream) CloseWrite() error { return s.call.CloseSend() }

func (s *stream) Close() error {
	s.cancel()
	return s.client.Close()
}

// explain says why a call ended, for the log. The end in order, io.EOF, has no status.
func explain(err error) error {
	told, ok := status.FromError(err)
	switch {
	case !ok:
		return err
	case told.Code() == codes.Unauthenticated:
		return carrier.ErrToken
	case strings.Contains(told.Message(), "HTTP/1."):
		return fmt.Errorf("the server there speaks HTTP/1.1, not gRPC %s", hint)
	}
	return errors.New(told.Message())
}

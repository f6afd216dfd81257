package prackgrpc

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"prack.example/go/carrier"
	"prack.example/go/prackv1"
)

// serve has every call handled so, and returns the address.
func serve(t *testing.T, handle func(grpc.ServerStream) error) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error { return handle(stream) }))
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

func TestFramesPassBothWays(t *testing.T) {
	address := serve(t, func(stream grpc.ServerStream) error {
		fields, _ := metadata.FromIncomingContext(stream.Context())
		if called, _ := grpc.Method(stream.Context()); called != method || fields.Get("authorization")[0] != "Bearer secret" {
			return status.Error(codes.Internal, "another call")
		}
		var frame prackv1.WorkerFrame
		if err := stream.RecvMsg(&frame); err != nil {
			return err
		}
		welcome := &prackv1.GatewayFrame{Welcome: &prackv1.Welcome{SessionId: frame.Hello.WorkerId}}
		if err := stream.SendMsg(welcome); err != nil {
			return err
		}
		if err := stream.RecvMsg(&frame); !errors.Is(err, io.EOF) {
			return status.Error(codes.Internal, "no half-close")
		}
		return nil
	})
	s, err := dial(context.Background(), carrier.Call{Address: address, Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Write(&prackv1.WorkerFrame{Hello: &prackv1.Hello{WorkerId: "w"}}); err != nil {
		t.Fatal(err)
	}
	if frame, err := s.Read(); err != nil || frame.Welcome.GetSessionId() != "w" {
		t.Fatal(frame, err)
	}
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(); err != io.EOF {
		t.Fatal(err)
	}
}

func TestWhyACallEnded(t *testing.T) {
	for code, expected := range map[codes.Code]string{
		codes.Unauthenticated: "check PRACK_TOKEN", codes.ResourceExhausted: "too many",
	} {
		address := serve(t, func(grpc.ServerStream) error { return status.Error(code, "too many") })
		s, err := dial(context.Background(), carrier.Call{Address: address})
		if err == nil {
			_, err = s.Read()
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), expected) {
			t.Errorf("%v: %v", code, err)
		}
	}
}

func TestAServerOfHTTP1(t *testing.T) {
	server := httptest.NewServer(nil)
	defer server.Close()
	s, err := dial(context.Background(), carrier.Call{Address: server.Listener.Addr().String()})
	if err == nil {
		_, err = s.Read()
		s.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "not gRPC") {
		t.Error(err)
	}
}

package plain

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"prack.example/go/carrier"
	"prack.example/go/prackv1"
)

const upgraded = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: prack.v1\r\n\r\n"

// serve answers one call with these bytes, and returns its address, and its request's head.
func serve(t *testing.T, answer string) (address string, head <-chan string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	heads := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		reader, text := bufio.NewReader(conn), ""
		for !strings.HasSuffix(text, "\r\n\r\n") {
			line, err := reader.ReadString('\n')
			if err != nil {
				return
			}
			text += line
		}
		heads <- text
		io.WriteString(conn, answer)
	}()
	return listener.Addr().String(), heads
}

func TestAnUpgradeIsAskedFor(t *testing.T) {
	address, head := serve(t, upgraded)
	s, err := dial(context.Background(), carrier.Call{Address: address, Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	text := <-head
	for _, expected := range []string{
		"GET /api/v1/stream HTTP/1.1\r\n", "Host: " + address, "Connection: Upgrade\r\n", "Upgrade: prack.v1\r\n",
		"Authorization: Bearer secret\r\n",
	} {
		if !strings.Contains(text, expected) {
			t.Errorf("no %q in %q", expected, text)
		}
	}
	if _, err := s.Read(); err != io.EOF {
		t.Error(err)
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	for answer, expected := range map[string]string{
		"HTTP/1.1 401 U\r\ncontent-length: 0\r\n\r\n": "check PRACK_TOKEN",
		"HTTP/1.1 400 B\r\ncontent-length: 0\r\n\r\n": "use pracks://",
		"HTTP/1.1 403 F\r\ncontent-length: 0\r\n\r\n": "--api-hosts",
		"HTTP/1.1 426 U\r\ncontent-length: 0\r\n\r\n": "does not pass on the upgrade",
		"HTTP/1.1 200 O\r\ncontent-length: 0\r\n\r\n": "expected 101 Switching Protocols",
		"":         "without a response",
		"\x15\x03": "malformed",
	} {
		address, _ := serve(t, answer)
		_, err := dial(context.Background(), carrier.Call{Address: address})
		if err == nil || !strings.Contains(err.Error(), expected) {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	_, err = dial(context.Background(), carrier.Call{Address: listener.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "is `prack serve` running there?") {
		t.Error(err)
	}
}

func TestADialCanBeCutOff(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		if conn, err := listener.Accept(); err == nil {
			defer conn.Close()
			cancel()
			io.Copy(io.Discard, conn)
		}
	}()
	if _, err := dial(ctx, carrier.Call{Address: listener.Addr().String()}); err == nil {
		t.Error("dialled")
	}
}

type vector struct {
	Name, Wire string
	Messages   []json.RawMessage
}

// The vectors that all workers have (clients/conformance).
func TestFramesOfTheVectors(t *testing.T) {
	data, err := os.ReadFile("../../../conformance/frames.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Gateway []vector }
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	for _, v := range all.Gateway {
		wire, _ := hex.DecodeString(v.Wire)
		s := &stream{reader: bufio.NewReader(bytes.NewReader(wire))}
		for _, message := range v.Messages {
			expected := &prackv1.GatewayFrame{}
			frame, err := s.Read()
			if err == nil {
				err = protojson.UnmarshalOptions{}.Unmarshal(message, expected)
			}
			frame.ProtoReflect().SetUnknown(nil) // the JSON has none
			if err != nil || !proto.Equal(frame, expected) {
				t.Errorf("%s: %v %v, expected %v", v.Name, frame, err, expected)
			}
		}
		if _, err := s.Read(); err != io.EOF {
			t.Errorf("%s: %v at the end", v.Name, err)
		}
	}
}

func TestFramesThatAreTooLarge(t *testing.T) {
	s := &stream{reader: bufio.NewReader(bytes.NewReader([]byte{0, 0x40, 0, 1}))}
	if _, err := s.Read(); err == nil || !strings.Contains(err.Error(), fmt.Sprint(maxFrame)) {
		t.Error(err)
	}
}

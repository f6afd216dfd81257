package stream

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	pb "prack.example/go/prackv1"
)

// gateway is the other end of a stream in memory: a carrier.Stream for the session under test.
type gateway struct {
	t      *testing.T
	toUs   chan *pb.WorkerFrame
	toThem chan *pb.GatewayFrame
	over   chan struct{}
	once   sync.Once
	log    *logged
	lastID uint64
}

type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (g *gateway) Read() (*pb.GatewayFrame, error) {
	select {
	case frame := <-g.toThem:
		return frame, nil
	case <-g.over:
		return nil, io.EOF
	}
}

func (g *gateway) Write(frame *pb.WorkerFrame) error {
	select {
	case g.toUs <- proto.Clone(frame).(*pb.WorkerFrame):
		return nil
	case <-g.over:
		return io.ErrClosedPipe
	}
}

func (g *gateway) CloseWrite() error { return g.Close() }

func (g *gateway) Close() error {
	g.once.Do(func() { close(g.over) })
	return nil
}

// start opens a session whose windows are small.
func start(t *testing.T, handler http.HandlerFunc) *gateway {
	t.Helper()
	g, _ := open(t, handler, NewSlots(8, 8))
	return g
}

func open(t *testing.T, handler http.HandlerFunc, slots *Slots) (*gateway, *Session) {
	t.Helper()
	g := &gateway{
		t: t, toUs: make(chan *pb.WorkerFrame, 1000), toThem: make(chan *pb.GatewayFrame, 1000),
		over: make(chan struct{}), log: &logged{},
	}
	g.toThem <- &pb.GatewayFrame{Welcome: &pb.Welcome{
		Features: []string{"pause"}, HeartbeatMs: 3600_000, DeadAfterMs: 3600_000,
		Limits: &pb.Limits{InitialWindow: window, MaxChunkBytes: chunk, MaxHeaderBytes: 2000},
	}}
	session, ending := Open(g, &pb.Hello{Capacity: slots.Offer()}, Config{
		Handler: handler, Slots: slots, Log: slog.New(slog.NewTextHandler(g.log, nil)),
	})
	if ending.Err != nil {
		t.Fatal(ending.Err)
	}
	t.Cleanup(func() {
		g.Close()
		<-session.Done()
	})
	if (<-g.toUs).Hello == nil {
		t.Fatal("no hello")
	}
	return g, session
}

const (
	window = 50_000
	chunk  = 8192
)

// ask sends a request, changed by more.
func (g *gateway) ask(method, target string, more ...func(*pb.Request)) uint64 {
	g.lastID++
	request := &pb.Request{
		Id: g.lastID, RequestId: "r1", Attempt: 1, Method: []byte(method), Scheme: []byte("http"),
		Authority: []byte("shop.example.com"), Target: []byte(target), HttpVersion: []byte("1.1"), End: true,
		Headers: [][]byte{[]byte("host"), []byte("shop.example.com")}, Client: &pb.Client{Ip: "192.0.2.7", Port: 50123},
	}
	for _, change := range more {
		change(request)
	}
	g.send(&pb.GatewayFrame{Requests: []*pb.Request{request}})
	return request.Id
}

func (g *gateway) send(frame *pb.GatewayFrame) { g.toThem <- frame }

func (g *gateway) widen(id, offset uint64) {
	g.send(&pb.GatewayFrame{Windows: []*pb.Window{{Id: id, MaxOffset: offset}}})
}

func (g *gateway) feed(id uint64, data string) {
	g.send(&pb.GatewayFrame{Data: []*pb.Data{{Id: id, Data: []byte(data)}}})
}

func (g *gateway) finish(id uint64) {
	g.send(&pb.GatewayFrame{Finishes: []*pb.Finish{{Id: id}}})
}

func (g *gateway) cancel(id uint64) {
	g.send(&pb.GatewayFrame{Cancels: []*pb.Cancel{{Id: id, Reason: pb.CancelReason_CANCEL_REASON_CLIENT_GONE}}})
}

// seen is what came of one exchange.
type seen struct {
	early    []*pb.ResponseHead
	head     *pb.ResponseHead
	body     []byte
	windows  []uint64
	trailers [][]byte
	finished bool
	abort    *pb.Abort
}

// until collects what comes of an exchange until it is enough.
func (g *gateway) until(id uint64, s *seen, enough func() bool) *seen {
	g.t.Helper()
	late := time.After(20 * time.Second)
	for !enough() {
		select {
		case frame := <-g.toUs:
			s.take(id, frame)
		case <-late:
			g.t.Fatalf("not enough came: %+v\n%s", s, g.log)
		}
	}
	return s
}

// end collects all of an exchange.
func (g *gateway) end(id uint64) *seen {
	g.t.Helper()
	s := &seen{}
	return g.until(id, s, func() bool { return s.finished || s.abort != nil })
}

func (s *seen) take(id uint64, frame *pb.WorkerFrame) {
	for _, head := range frame.Heads {
		if head.Id != id {
			continue
		}
		if head.Status > 101 && head.Status < 200 {
			s.early = append(s.early, head)
			continue
		}
		s.head, s.finished = head, head.End
		s.body = append(s.body, head.Body...)
	}
	for _, data := range frame.Data {
		if data.Id == id {
			s.body = append(s.body, data.Data...)
		}
	}
	for _, finish := range frame.Finishes {
		if finish.Id == id {
			s.finished, s.trailers = true, finish.Trailers
		}
	}
	for _, abort := range frame.Aborts {
		if abort.Id == id {
			s.abort = abort
		}
	}
	for _, window := range frame.Windows {
		if window.Id == id {
			s.windows = append(s.windows, window.MaxOffset)
		}
	}
}

func (s *seen) field(name string) (values []string) {
	for i := 0; i < len(s.head.GetHeaders()); i += 2 {
		if string(s.head.Headers[i]) == name {
			values = append(values, string(s.head.Headers[i+1]))
		}
	}
	return values
}

func body(text string) func(*pb.Request) {
	return func(r *pb.Request) { r.Body, r.BodyLength = []byte(text), int64(len(text)) }
}

func unfinished(r *pb.Request) { r.End, r.BodyLength = false, -1 }

func tunnelled(r *pb.Request) {
	unfinished(r)
	r.Upgrade = pb.Upgrade_UPGRADE_TUNNEL
}

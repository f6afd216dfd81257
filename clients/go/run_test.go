package prack

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"prack.example/go/carrier"
	pb "prack.example/go/prackv1"
)

// memory is a carrier whose gateways are scripts: each dial takes the next one.
type memory struct {
	scripts chan func(*end)
}

// end is both ends of one stream in memory.
type end struct {
	toUs   chan *pb.WorkerFrame
	toThem chan *pb.GatewayFrame
	over   chan struct{}
	closed context.CancelFunc
}

func (m *memory) dial(ctx context.Context, _ carrier.Call) (carrier.Stream, error) {
	select {
	case script := <-m.scripts:
		over, closed := context.WithCancel(context.Background())
		e := &end{make(chan *pb.WorkerFrame, 100), make(chan *pb.GatewayFrame, 100), make(chan struct{}), closed}
		context.AfterFunc(over, func() { close(e.over) })
		go script(e)
		return e, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (e *end) Read() (*pb.GatewayFrame, error) {
	select {
	case frame := <-e.toThem:
		return frame, nil
	case <-e.over:
		return nil, io.EOF
	}
}

func (e *end) Write(frame *pb.WorkerFrame) error {
	e.toUs <- frame
	return nil
}

func (e *end) CloseWrite() error { e.closed(); return nil }
func (e *end) Close() error      { e.closed(); return nil }

func (e *end) welcome() *pb.Hello {
	hello := (<-e.toUs).Hello
	e.toThem <- &pb.GatewayFrame{Welcome: &pb.Welcome{Features: []string{"pause"}, HeartbeatMs: 3600_000, DeadAfterMs: 3600_000}}
	return hello
}

// until returns the first frame that is right.
func (e *end) until(right func(*pb.WorkerFrame) bool) *pb.WorkerFrame {
	for {
		if frame := <-e.toUs; right(frame) {
			return frame
		}
	}
}

func (e *end) letGo() {
	e.until(func(f *pb.WorkerFrame) bool { return f.Drain != nil })
	e.toThem <- &pb.GatewayFrame{Goaway: &pb.Goaway{DrainAck: true}}
}

func begin(t *testing.T, w *Worker, scripts ...func(*end)) (stop context.CancelFunc, done <-chan error, log *strings.Builder) {
	m := &memory{scripts: make(chan func(*end), 10)}
	for _, script := range scripts {
		m.scripts <- script
	}
	carrier.Register("memory", carrier.Carrier{Dial: m.dial, Port: "1"})
	log = &strings.Builder{}
	w.Gateway, w.Log = "memory://gateway", slog.New(&lines{out: log})
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	return stop, ended, log
}

func TestRunReturnsNilAfterADrain(t *testing.T) {
	connected := make(chan struct{})
	stop, done, log := begin(t, &Worker{}, func(e *end) {
		e.welcome()
		close(connected)
		e.letGo()
	})
	<-connected
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"with 64 slots", "Connected to gateway:1", "Stopping: 0 requests in progress", "Stopped"} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("no %q in:\n%s", line, log)
		}
	}
}

func TestRunEndsWhenTheGatewayRefusesForGood(t *testing.T) {
	_, done, _ := begin(t, &Worker{}, func(e *end) {
		<-e.toUs
		e.toThem <- &pb.GatewayFrame{Error: &pb.StreamError{Code: "bad_hello", Message: "a route is wrong"}}
	})
	if err := <-done; err == nil || !strings.Contains(err.Error(), "bad_hello: a route is wrong") {
		t.Fatal(err)
	}
}

func TestRunDialsAgain(t *testing.T) {
	names := make(chan string, 3)
	stop, done, log := begin(t, &Worker{},
		func(e *end) { names <- e.welcome().WorkerId; e.closed() },
		func(e *end) { <-e.toUs; e.closed() },
		func(e *end) { names <- e.welcome().WorkerId; e.letGo() })
	if first, second := <-names, <-names; first != second {
		t.Errorf("%s, then %s", first, second)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"Lost the gateway: the gateway ended the stream; reconnecting",
		"No gateway at gateway:1: the gateway ended the stream before its welcome; retrying until it answers",
	} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("no %q in:\n%s", line, log)
		}
	}
}

func TestASuccessorIsDialled(t *testing.T) {
	both := make(chan struct{})
	stop, done, _ := begin(t, &Worker{},
		func(e *end) {
			e.welcome()
			e.toThem <- &pb.GatewayFrame{Goaway: &pb.Goaway{ReconnectInMs: 1}}
			e.letGo()
		},
		func(e *end) { e.welcome(); close(both); e.letGo() })
	<-both
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestTheGracePeriodEnds(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(began); <-release })
	aborts := make(chan *pb.Abort, 1)
	stop, done, log := begin(t, &Worker{Handler: handler, Grace: time.Millisecond}, func(e *end) {
		e.welcome()
		e.toThem <- &pb.GatewayFrame{Requests: []*pb.Request{{Id: 1, RequestId: "r1", Method: []byte("GET"), Target: []byte("/slow?q"), End: true}}}
		e.letGo()
		aborts <- e.until(func(f *pb.WorkerFrame) bool { return f.Aborts != nil }).Aborts[0]
	})
	<-began
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if abort := <-aborts; abort.Code != pb.AbortCode_ABORT_CODE_HANDLER_ERROR {
		t.Error(abort)
	}
	if !strings.Contains(log.String(), "1 requests: GET /slow (r1)") {
		t.Error(log)
	}
}

func TestPause(t *testing.T) {
	w := &Worker{}
	paused := func(is bool) func(*pb.WorkerFrame) bool {
		return func(f *pb.WorkerFrame) bool { return f.Pause != nil && f.Pause.Paused == is }
	}
	w.Pause() // before it runs, too
	resume := make(chan struct{})
	stop, done, _ := begin(t, w, func(e *end) {
		e.welcome()
		e.until(paused(true))
		resume <- struct{}{}
		e.until(paused(false))
		resume <- struct{}{}
		e.letGo()
	})
	<-resume
	w.Resume()
	<-resume
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

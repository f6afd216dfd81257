package stream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	pb "prack.example/go/prackv1"
)

const accepted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: k\r\n\r\n"

// hijacker takes over a connection, answers in pieces, and echoes lines until the client has left.
func hijacker(w http.ResponseWriter, _ *http.Request) {
	conn, both, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotImplemented)
		return
	}
	defer conn.Close()
	for _, piece := range strings.SplitAfter(accepted, "p") {
		io.WriteString(conn, piece)
	}
	for {
		line, err := both.ReadString('\n')
		if err != nil {
			return
		}
		fmt.Fprint(conn, line)
	}
}

func TestATunnelIsAConnection(t *testing.T) {
	g := start(t, hijacker)
	id, got := g.ask("GET", "/", tunnelled), &seen{}
	g.until(id, got, func() bool { return got.head != nil })
	if got.head.Status != 101 || got.head.End || got.field("sec-websocket-accept") == nil || got.field("upgrade") != nil {
		t.Fatalf("%v", got.head)
	}
	g.feed(id, "he")
	g.feed(id, "llo\n")
	g.until(id, got, func() bool { return string(got.body) == "hello\n" })
	g.finish(id)
	g.until(id, got, func() bool { return got.finished })
}

func TestATunnelWhoseClientIsLost(t *testing.T) {
	g := start(t, hijacker)
	id := g.ask("GET", "/", tunnelled)
	g.cancel(id)
	if got := g.end(id); got.abort.GetCode() != pb.AbortCode_ABORT_CODE_CANCELLED {
		t.Fatalf("%v", got)
	}
}

func TestOnlyTunnelsCanBeTakenOver(t *testing.T) {
	g := start(t, hijacker)
	if got := g.end(g.ask("GET", "/")); got.head.GetStatus() != http.StatusNotImplemented {
		t.Fatalf("%v", got.head)
	}
}

func TestATunnelNeedsAHead(t *testing.T) {
	g := start(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, both, _ := http.NewResponseController(w).Hijack()
		defer conn.Close()
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n"); err == nil {
			t.Error("a WebSocket was accepted with 200")
		}
		if _, _, err := w.(http.Hijacker).Hijack(); !errors.Is(err, http.ErrHijacked) {
			t.Error(err)
		}
		_ = both
	})
	if got := g.end(g.ask("GET", "/", tunnelled)); got.abort.GetCode() != pb.AbortCode_ABORT_CODE_HANDLER_ERROR {
		t.Fatalf("%v", got)
	}
}

func TestDeadlinesOfATunnel(t *testing.T) {
	errs := make(chan error, 2)
	g := start(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusSwitchingProtocols) // as some libraries do, before Hijack
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(time.Millisecond))
		_, err = bufio.NewReader(conn).ReadByte()
		errs <- err
		_, err = conn.Write(make([]byte, 2*window))
		errs <- err
	})
	id := g.ask("GET", "/", tunnelled)
	for range 2 {
		if err := <-errs; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	g.end(id)
}

func TestADrainEndsWhenNothingIsHeld(t *testing.T) {
	release := make(chan struct{})
	g, session := open(t, func(http.ResponseWriter, *http.Request) { <-release }, NewSlots(8, 8))
	id := g.ask("GET", "/")
	session.Drain()
	for (<-g.toUs).Drain == nil {
	}
	g.send(&pb.GatewayFrame{Goaway: &pb.Goaway{DrainAck: true, LastId: id}})
	<-session.Ended()
	select {
	case <-session.Done():
		t.Fatal("the stream ended while a request was held")
	default:
	}
	close(release)
	g.end(id)
	<-session.Done()
}

func TestADrainTellsTunnels(t *testing.T) {
	began := make(chan struct{})
	g, session := open(t, func(w http.ResponseWriter, r *http.Request) {
		close(began)
		conn, _, _ := http.NewResponseController(w).Hijack()
		defer conn.Close()
		<-r.Context().Done()
		io.WriteString(conn, accepted+context.Cause(r.Context()).Error())
	}, NewSlots(8, 8))
	id := g.ask("GET", "/", tunnelled)
	<-began
	session.Drain()
	g.send(&pb.GatewayFrame{Goaway: &pb.Goaway{DrainAck: true, LastId: id}})
	if got := g.end(id); string(got.body) != ErrStopping.Error() || got.abort != nil {
		t.Fatalf("%v", got)
	}
}

func TestWhatIsAbandoned(t *testing.T) {
	began, causes := make(chan struct{}), make(chan error, 1)
	g, session := open(t, func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		causes <- context.Cause(r.Context())
	}, NewSlots(8, 8))
	id := g.ask("GET", "/shop?q=1")
	<-began
	if held := session.Held(); held[0] != "GET /shop (r1)" {
		t.Fatal(held)
	}
	session.Abandon()
	if got := g.end(id); got.abort.GetCode() != pb.AbortCode_ABORT_CODE_HANDLER_ERROR || <-causes != ErrStopping {
		t.Fatalf("%v", got)
	}
}

func TestALostStreamEndsWhatItHeld(t *testing.T) {
	began, causes := make(chan struct{}), make(chan error, 1)
	g, session := open(t, func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		causes <- context.Cause(r.Context())
	}, NewSlots(8, 8))
	g.ask("GET", "/")
	<-began
	g.Close()
	if cause := <-causes; cause != ErrLost {
		t.Fatal(cause)
	}
	<-session.Done()
	if ending := session.Ending(); !ending.Lost || ending.Final {
		t.Fatalf("%+v", ending)
	}
}

func TestTheErrorOfAStream(t *testing.T) {
	g, session := open(t, nil, NewSlots(8, 8))
	g.send(&pb.GatewayFrame{Error: &pb.StreamError{Code: "revoked", Message: "no", Retry: true, RetryInMs: 1500}})
	<-session.Ended()
	if e := session.Ending(); e.Final || e.After != 1500*time.Millisecond || e.Err.Error() != "revoked: no" {
		t.Fatalf("%+v", e)
	}
}

func TestSlotsOfTwoSessions(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	slots := NewSlots(2, 0)
	handler := func(http.ResponseWriter, *http.Request) {
		close(began)
		<-release
	}
	old, _ := open(t, handler, slots)
	first := old.ask("GET", "/")
	<-began
	if offer := slots.Offer(); offer.MaxInFlight != 1 || offer.MaxWebsockets != 0 {
		t.Fatal(offer)
	}
	newer, _ := open(t, handler, slots)
	close(release)
	old.end(first)
	for frame := range newer.toUs {
		if frame.Capacity != nil && frame.Capacity.MaxInFlight == 2 {
			break
		}
	}
}

func TestMoreThanTheSlotsWait(t *testing.T) {
	began, release := make(chan string, 3), make(chan struct{})
	g, _ := open(t, func(_ http.ResponseWriter, r *http.Request) {
		began <- r.URL.Path
		<-release
	}, NewSlots(1, 0))
	g.ask("GET", "/1")
	path := <-began
	second := g.ask("GET", "/2")
	g.cancel(second)
	if got := g.end(second); path != "/1" || got.abort.GetCode() != pb.AbortCode_ABORT_CODE_CANCELLED {
		t.Fatalf("%s %v", path, got)
	}
	third := g.ask("GET", "/3")
	close(release)
	if path = <-began; path != "/3" {
		t.Fatal("a cancelled request ran")
	}
	g.end(third)
}

func TestFramesHoldSoMuch(t *testing.T) {
	for costly, most := range map[bool]int{false: maxEvents, true: merged * maxEvents} {
		o := newOutbox(costly)
		x := &exchange{message: &pb.Request{Id: 1}}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 2 * most {
				o.put(x, 1, false, func(f *pb.WorkerFrame) { f.Data = append(f.Data, &pb.Data{}) })
			}
			o.finish()
		}()
		events := 0
		for o.wait() {
			n := len(o.take().Data)
			if events += n; n > most {
				t.Fatalf("%d events in a frame", n)
			}
		}
		<-done
		if events != 2*most {
			t.Fatalf("%d events", events)
		}
	}
}

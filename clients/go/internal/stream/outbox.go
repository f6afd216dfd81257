package stream

import (
	"errors"
	"sync"

	pb "prack.example/go/prackv1"
)

// What one frame takes (proto/README.md, 1.1); where frames are costly, four at a time (1.6).
const (
	maxEvents = 32
	maxBytes  = 64 << 10
	merged    = 4
)

var errEnded = errors.New("this exchange has ended")

// outbox is the frame that goes out next. Responses wait for room in it, and are in the order in
// which they came; what steers does not wait, and so overtakes the body bytes that do. Events of
// one exchange never overtake each other: a frame's fields are handled in the order of their numbers.
type outbox struct {
	mu       sync.Mutex
	changed  sync.Cond
	frame    *pb.WorkerFrame
	events   int
	bytes    int
	most     int // times maxEvents and maxBytes
	waiting  bool
	finished bool // nothing more will be added
	closed   bool // the stream is lost
}

func newOutbox(costly bool) *outbox {
	o := &outbox{frame: &pb.WorkerFrame{}, most: 1}
	if costly {
		o.most = merged
	}
	o.changed.L = &o.mu
	return o
}

// steer adds what may not wait (1.2).
func (o *outbox) steer(add func(*pb.WorkerFrame)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.add(add)
}

// put adds an event of an exchange, with so many bytes of head and body, once there is room. The
// last one ends the exchange: later ones get errEnded, as all do on a lost stream.
func (o *outbox) put(x *exchange, size int, last bool, add func(*pb.WorkerFrame)) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.closed && !x.ended && (o.events >= o.most*maxEvents || o.bytes >= o.most*maxBytes) {
		o.changed.Wait()
	}
	if o.closed || x.ended {
		return errEnded
	}
	x.ended = last
	o.events++
	o.bytes += size
	o.add(add)
	return nil
}

// abort ends an exchange without waiting for room, once.
func (o *outbox) abort(x *exchange, code pb.AbortCode, message string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if x.ended || o.closed {
		return
	}
	x.ended = true
	abort := &pb.Abort{Id: x.message.Id, Code: code, Message: message}
	o.add(func(f *pb.WorkerFrame) { f.Aborts = append(f.Aborts, abort) })
}

func (o *outbox) add(add func(*pb.WorkerFrame)) {
	add(o.frame)
	o.waiting = true
	o.changed.Broadcast()
}

// wait returns when there is something to send, or false when nothing will be.
func (o *outbox) wait() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.waiting && !o.finished && !o.closed {
		o.changed.Wait()
	}
	return o.waiting && !o.closed
}

// take returns what waits, and makes room.
func (o *outbox) take() *pb.WorkerFrame {
	o.mu.Lock()
	defer o.mu.Unlock()
	frame := o.frame
	o.frame, o.events, o.bytes, o.waiting = &pb.WorkerFrame{}, 0, 0, false
	o.changed.Broadcast()
	return frame
}

// finish: wait returns false once all is sent.
func (o *outbox) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.finished = true
	o.changed.Broadcast()
}

// close: nothing more can be sent.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.changed.Broadcast()
}

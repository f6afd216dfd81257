package stream

import (
	"context"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	pb "prack.example/go/prackv1"
)

// ourWindow is how much of a request body may wait here; half of it is one grant (5.2).
const ourWindow = 512 << 10

// exchange is one request and its response: the windows, and both bodies within them.
type exchange struct {
	session *Session
	message *pb.Request
	kind    kind
	entered bool // it has a slot
	ended   bool // its last event is in the outbox, whose lock guards this
	ctx     context.Context
	stop    context.CancelCauseFunc

	mu      sync.Mutex
	changed sync.Cond
	failed  error // nobody waits for the response any more

	chunks  [][]byte // of the request body, not read yet
	over    error    // what follows them; io.EOF at a complete body
	read    uint64
	granted uint64
	readBy  deadline

	sent    uint64
	limit   uint64
	writeBy deadline
}

func newExchange(s *Session, message *pb.Request) *exchange {
	x := &exchange{
		session: s, message: message, kind: s.slots.kind(message),
		granted: ourWindow, limit: s.limits.window,
	}
	x.changed.L = &x.mu
	x.ctx, x.stop = context.WithCancelCause(context.Background())
	if message.ExpectContinue {
		x.granted = 0 // until the first read (4.11)
	}
	x.feed(message.Body)
	if message.End {
		x.finish(io.EOF)
	}
	return x
}

// feed adds bytes of the request body.
func (x *exchange) feed(data []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over == nil && len(data) > 0 {
		x.chunks = append(x.chunks, data)
		x.changed.Broadcast()
	}
}

// finish says what follows the bytes of the request body.
func (x *exchange) finish(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over == nil {
		x.over = err
		x.changed.Broadcast()
	}
}

// fail tells the handler, and whatever waits in it, that nobody waits any more.
func (x *exchange) fail(cause error) {
	x.mu.Lock()
	if x.failed == nil {
		x.failed, x.over, x.chunks = cause, cause, nil
		x.changed.Broadcast()
	}
	x.mu.Unlock()
	x.stop(cause)
}

func (x *exchange) cause() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.failed
}

// widen lets more of the response through.
func (x *exchange) widen(limit uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if limit > x.limit {
		x.limit = limit
		x.changed.Broadcast()
	}
}

// Read reads the request body.
func (x *exchange) Read(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.grant()
	for len(x.chunks) == 0 && x.over == nil && !x.readBy.passed() {
		x.changed.Wait()
	}
	switch {
	case x.readBy.passed():
		return 0, os.ErrDeadlineExceeded
	case len(x.chunks) == 0:
		return 0, x.over
	}
	n := copy(p, x.chunks[0])
	if x.chunks[0] = x.chunks[0][n:]; len(x.chunks[0]) == 0 {
		x.chunks = x.chunks[1:]
	}
	x.read += uint64(n)
	x.grant()
	return n, nil
}

// Close ends the reading of the request body.
func (x *exchange) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.chunks = nil
	if x.over == nil || x.over == io.EOF {
		x.over = http.ErrBodyReadAfterClose
	}
	return nil
}

// grant widens the request's window when half of it was read (5.2).
func (x *exchange) grant() {
	if x.over != nil || x.granted > x.read+ourWindow/2 {
		return
	}
	x.granted = x.read + ourWindow
	window := &pb.Window{Id: x.message.Id, MaxOffset: x.granted}
	x.session.outbox.steer(func(f *pb.WorkerFrame) { f.Windows = append(f.Windows, window) })
}

// reserve takes up to n bytes of the response's window, at least one, and waits for that (5.1).
func (x *exchange) reserve(n int) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.sent >= x.limit && x.failed == nil && !x.writeBy.passed() {
		x.changed.Wait()
	}
	switch {
	case x.failed != nil:
		return 0, x.failed
	case x.writeBy.passed():
		return 0, os.ErrDeadlineExceeded
	}
	n = min(n, x.session.limits.chunk, int(x.limit-x.sent))
	x.sent += uint64(n)
	return n, nil
}

// reserveAll takes n bytes of the response's window, if it has them now.
func (x *exchange) reserveAll(n int) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if uint64(n) > x.limit-x.sent {
		return false
	}
	x.sent += uint64(n)
	return true
}

// send sends bytes of the response body, as the window lets them through.
func (x *exchange) send(p []byte) error {
	for len(p) > 0 {
		n, err := x.reserve(len(p))
		if err != nil {
			return err
		}
		data := &pb.Data{Id: x.message.Id, Data: append([]byte(nil), p[:n]...)}
		add := func(f *pb.WorkerFrame) { f.Data = append(f.Data, data) }
		if err := x.session.outbox.put(x, n, false, add); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// sendHead sends a head; with last it is the whole response.
func (x *exchange) sendHead(head *pb.ResponseHead, last bool) error {
	head.Id, head.End = x.message.Id, last
	size := len(head.Body)
	for _, field := range head.Headers {
		size += len(field)
	}
	return x.session.outbox.put(x, size, last, func(f *pb.WorkerFrame) { f.Heads = append(f.Heads, head) })
}

// sendFinish ends a response whose head was sent.
func (x *exchange) sendFinish(trailers [][]byte) error {
	finish := &pb.Finish{Id: x.message.Id, Trailers: trailers}
	return x.session.outbox.put(x, 0, true, func(f *pb.WorkerFrame) { f.Finishes = append(f.Finishes, finish) })
}

// abort ends the exchange without a complete response, if it has not ended.
func (x *exchange) abort(code pb.AbortCode, message string) {
	x.session.outbox.abort(x, code, message)
}

// leave gives the slot back; the last event is in the outbox.
func (x *exchange) leave() {
	x.stop(nil)
	x.mu.Lock()
	x.readBy.set(time.Time{}, nil)
	x.writeBy.set(time.Time{}, nil)
	x.mu.Unlock()
	x.Close()
	x.session.left(x)
}

func (x *exchange) setDeadline(d *deadline, at time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	d.set(at, x.wake)
	x.changed.Broadcast()
}

func (x *exchange) wake() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.changed.Broadcast()
}

// deadline is a time after which waits end. The lock of its exchange guards it.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) set(at time.Time, wake func()) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.at = at; !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), wake)
	}
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

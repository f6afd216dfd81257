// Package stream is one stream of frames in use: sessions, their exchanges, and the responses of an
// http.Handler (proto/README.md, sections 1 to 8 and 10).
package stream

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"prack.example/go/carrier"
	pb "prack.example/go/prackv1"
)

const (
	welcomeTime = 10 * time.Second
	closeTime   = 5 * time.Second
	paceTime    = 500 * time.Microsecond // between two costly frames (1.1)
	ticks       = 3                      // for each heartbeat that the gateway asks for
)

// Why exchanges end without an answer.
var (
	ErrLost     = errors.New("the gateway was lost")
	ErrStopping = errors.New("the worker is stopping")
)

// features are those of the hello.
var features = []string{"pause", "tunnel"}

// Config is what the sessions of a worker share.
type Config struct {
	Handler http.Handler
	Slots   *Slots
	Log     *slog.Logger
	Silence time.Duration // of the gateway, until it is given up; 0: what the gateway has
	Costly  bool          // see carrier.Carrier
}

// Ending is why a session takes no new requests.
type Ending struct {
	Err   error
	Lost  bool          // what it held is lost, too
	Final bool          // dialling again would fail again (2.4)
	After time.Duration // when to dial again, if the gateway said so
}

// Session is one stream after its welcome.
type Session struct {
	handler http.Handler
	slots   *Slots
	log     *slog.Logger
	stream  carrier.Stream
	outbox  *outbox
	limits  limits
	silence time.Duration
	tick    time.Duration
	costly  bool
	pauses  bool // the gateway knows this feature
	retired bool // guarded by the slots

	unheard atomic.Int32 // ticks
	unsaid  atomic.Int32

	mu        sync.Mutex
	exchanges map[uint64]*exchange
	draining  bool // we asked to be sent away
	drained   bool // the gateway sends nothing more

	once   sync.Once
	ending Ending
	ended  chan struct{}
	done   chan struct{}
}

type limits struct {
	chunk, head int
	window      uint64
}

// Open greets the gateway on a new stream. Without a welcome there is no session, the stream is
// closed, and the ending says why.
func Open(stream carrier.Stream, hello *pb.Hello, config Config) (*Session, Ending) {
	hello.Limits = &pb.Limits{InitialWindow: ourWindow}
	hello.Features = features
	welcome, ending := greet(stream, hello)
	if ending.Err != nil {
		stream.Close()
		return nil, ending
	}
	s := &Session{
		handler: config.Handler, slots: config.Slots, log: config.Log, silence: config.Silence,
		costly: config.Costly, stream: stream, outbox: newOutbox(config.Costly),
		exchanges: map[uint64]*exchange{}, ended: make(chan struct{}), done: make(chan struct{}),
	}
	s.settle(welcome.Welcome)
	s.slots.join(s)
	s.take(welcome)
	go s.read()
	go s.write()
	go s.watch()
	return s, ending
}

func greet(stream carrier.Stream, hello *pb.Hello) (*pb.GatewayFrame, Ending) {
	late := time.AfterFunc(welcomeTime, func() { stream.Close() })
	_ = stream.Write(&pb.WorkerFrame{Hello: hello}) // Read says why it failed
	frame, err := stream.Read()
	switch {
	case !late.Stop():
		return nil, Ending{Err: fmt.Errorf("no welcome within %g s", welcomeTime.Seconds())}
	case err == io.EOF:
		return nil, Ending{Err: errors.New("the gateway ended the stream before its welcome")}
	case err != nil:
		return nil, Ending{Err: err}
	case frame.Error != nil:
		return nil, endingOf(frame.Error)
	case frame.Welcome == nil:
		return nil, Ending{Err: errors.New("the first frame of the gateway is not a welcome")}
	}
	return frame, Ending{}
}

func endingOf(e *pb.StreamError) Ending {
	return Ending{
		Err: fmt.Errorf("%s: %s", e.Code, e.Message), Lost: true, Final: !e.Retry,
		After: milliseconds(e.RetryInMs),
	}
}

func (s *Session) settle(welcome *pb.Welcome) {
	l := welcome.GetLimits()
	s.limits.chunk = or(int(l.GetMaxChunkBytes()), 64<<10)
	s.limits.head = or(int(l.GetMaxHeaderBytes()), 64<<10)
	s.limits.window = or(uint64(l.GetInitialWindow()), 256<<10)
	s.silence = or(s.silence, or(milliseconds(welcome.DeadAfterMs), 15*time.Second))
	s.tick = min(or(milliseconds(welcome.HeartbeatMs), 5*time.Second), s.silence) / ticks
	for _, feature := range welcome.Features {
		s.pauses = s.pauses || feature == "pause"
	}
}

func or[T comparable](value, otherwise T) T {
	if value == *new(T) {
		return otherwise
	}
	return value
}

func milliseconds(n uint32) time.Duration { return time.Duration(n) * time.Millisecond }

// Ended is closed when the session takes no new requests; Ending says why.
func (s *Session) Ended() <-chan struct{} { return s.ended }

// Ending may be asked once Ended is closed.
func (s *Session) Ending() Ending { return s.ending }

// Done is closed when the stream is over.
func (s *Session) Done() <-chan struct{} { return s.done }

// Drain asks to be sent nothing more (7.1). Then the session ends when what it holds has ended.
func (s *Session) Drain() {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	s.outbox.steer(func(f *pb.WorkerFrame) { f.Drain = &pb.Drain{Reason: ErrStopping.Error()} })
}

// Pause asks for nothing for now, or for requests again (3.5).
func (s *Session) Pause(paused bool) {
	if s.pauses {
		s.outbox.steer(func(f *pb.WorkerFrame) { f.Pause = &pb.Pause{Paused: paused} })
	}
}

// Held names what has not ended, for the log.
func (s *Session) Held() (names []string) {
	for _, x := range s.held() {
		names = append(names, x.String())
	}
	return names
}

// Abandon fails what is held, though handlers may go on, and half-closes.
func (s *Session) Abandon() {
	for _, x := range s.held() {
		x.abort(pb.AbortCode_ABORT_CODE_HANDLER_ERROR, "the worker stopped before it answered")
		x.fail(ErrStopping)
	}
	s.outbox.finish()
}

// Close breaks off the stream.
func (s *Session) Close() { s.stream.Close() }

func (s *Session) held() []*exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make([]*exchange, 0, len(s.exchanges))
	for _, x := range s.exchanges {
		held = append(held, x)
	}
	return held
}

func (s *Session) read() {
	for {
		frame, err := s.stream.Read()
		if err != nil {
			s.lose(err)
			return
		}
		s.unheard.Store(0)
		s.take(frame)
	}
}

func (s *Session) write() {
	next := time.Now()
	for s.outbox.wait() {
		if s.costly {
			time.Sleep(time.Until(next))
			next = time.Now().Add(paceTime)
		}
		runtime.Gosched() // let everything that can run add its events first (1.1)
		s.unsaid.Store(0)
		if s.stream.Write(s.outbox.take()) != nil {
			return // the reader hears why
		}
	}
	_ = s.stream.CloseWrite()
	time.AfterFunc(closeTime, func() { s.stream.Close() })
}

// watch counts ticks, not seconds: a process that was stopped must first read what has come.
func (s *Session) watch() {
	ticker := time.NewTicker(s.tick)
	defer ticker.Stop()
	for nonce := uint64(1); ; nonce++ {
		select {
		case <-s.done:
			return
		case <-ticker.C:
		}
		unheard, unsaid := s.unheard.Add(1), s.unsaid.Add(1)
		if time.Duration(max(unheard, unsaid))*s.tick > s.silence {
			s.end(Ending{Err: fmt.Errorf("the connection was silent for %g s", s.silence.Seconds()), Lost: true})
			s.stream.Close()
		} else if unsaid >= ticks-1 {
			s.outbox.steer(func(f *pb.WorkerFrame) { f.Heartbeat = &pb.Heartbeat{Nonce: nonce} })
		}
	}
}

func (s *Session) end(ending Ending) {
	s.once.Do(func() {
		s.ending = ending
		close(s.ended)
	})
}

func (s *Session) lose(err error) {
	if err == io.EOF {
		err = errors.New("the gateway ended the stream")
	}
	s.end(Ending{Err: err, Lost: true})
	s.outbox.close()
	s.stream.Close()
	for _, x := range s.held() {
		x.fail(ErrLost)
	}
	s.slots.retire(s)
	close(s.done)
}

package stream

import (
	"context"
	"sync"

	pb "prack.example/go/prackv1"
)

// kind tells apart the slots of requests from those of WebSockets (3.4).
type kind int

const (
	requests kind = iota
	webSockets
	kinds
)

type count [kinds]int

// Slots are those of a worker, shared by its sessions: while a gateway is replaced the newest one
// offers what the older ones do not hold (7.4).
type Slots struct {
	size    count
	places  [kinds]chan struct{} // handlers; more may be held than run while sessions overlap
	changed chan struct{}

	mu       sync.Mutex
	offered  count
	newest   *Session
	sessions map[*Session]*count // what each holds; those that are over stay until it is nothing
}

// NewSlots makes so many slots. Without any for WebSockets, those take the others.
func NewSlots(size, webSocketSize int) *Slots {
	s := &Slots{
		size: count{size, webSocketSize}, changed: make(chan struct{}, 1),
		sessions: map[*Session]*count{},
	}
	for kind, size := range s.size {
		s.places[kind] = make(chan struct{}, size)
	}
	return s
}

func (s *Slots) kind(message *pb.Request) kind {
	if message.Upgrade != pb.Upgrade_UPGRADE_UNSPECIFIED && s.size[webSockets] > 0 {
		return webSockets
	}
	return requests
}

// Offer is the capacity of the next hello.
func (s *Slots) Offer() *pb.Capacity {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = nil
	s.offered = s.free()
	return s.offered.capacity()
}

// Await returns when the sessions that live leave a slot free, or the context is done.
func (s *Slots) Await(ctx context.Context) {
	s.await(ctx, func() bool {
		free := s.size[requests]
		for session, holds := range s.sessions {
			if !session.retired {
				free -= holds[requests]
			}
		}
		return free > 0
	})
}

// Idle returns when nothing is held, or the context is done.
func (s *Slots) Idle(ctx context.Context) {
	s.await(ctx, func() bool { return s.held() == 0 })
}

func (s *Slots) await(ctx context.Context, enough func() bool) {
	for ctx.Err() == nil {
		s.mu.Lock()
		done := enough()
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-s.changed:
		case <-ctx.Done():
		}
	}
}

// Held is how many exchanges there are.
func (s *Slots) Held() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held()
}

func (s *Slots) held() (n int) {
	for _, holds := range s.sessions {
		n += holds[requests] + holds[webSockets]
	}
	return n
}

// free is what the newest session may offer: at least one slot, whatever the others hold.
func (s *Slots) free() (free count) {
	for kind, size := range s.size {
		for session, holds := range s.sessions {
			if session != s.newest {
				size -= holds[kind]
			}
		}
		free[kind] = min(max(size, 1), s.size[kind])
	}
	return free
}

// join adds a session, which is the newest now.
func (s *Slots) join(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[session] = new(count)
	s.newest = session
	s.share()
}

// retire: this session brings nothing more.
func (s *Slots) retire(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest == session {
		s.newest = nil
	}
	session.retired = true
	s.forget(session)
}

// hold counts an exchange that came, or one that ended.
func (s *Slots) hold(session *Session, kind kind, change int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[session][kind] += change
	s.forget(session)
	if session != s.newest {
		s.share()
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *Slots) forget(session *Session) {
	if session.retired && *s.sessions[session] == (count{}) {
		delete(s.sessions, session)
	}
}

// share tells the newest session what it may offer now.
func (s *Slots) share() {
	if free := s.free(); s.newest != nil && free != s.offered {
		s.offered = free
		s.newest.outbox.steer(func(f *pb.WorkerFrame) { f.Capacity = free.capacity() })
	}
}

// enter waits for a slot to run in; false if the exchange was cancelled or stopped before.
func (s *Slots) enter(x *exchange) bool {
	select {
	case s.places[x.kind] <- struct{}{}:
		x.entered = true
	case <-x.ctx.Done():
	}
	return x.entered
}

func (s *Slots) exit(x *exchange) {
	if x.entered {
		<-s.places[x.kind]
	}
}

func (c count) capacity() *pb.Capacity {
	return &pb.Capacity{MaxInFlight: uint32(c[requests]), MaxWebsockets: uint32(c[webSockets])}
}

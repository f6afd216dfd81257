package prack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"prack.example/go/internal/stream"
)

// Delays between dials (proto/README.md, 2.4).
const (
	shortest = 100 * time.Millisecond
	longest  = 10 * time.Second
	healthy  = 30 * time.Second // a session that lasted so long makes them short again
	unwind   = 500 * time.Millisecond
)

// run is one call of Worker.Run. When a gateway stops, it dials again, for there may be a successor, and
// stays for what the old session still brings (7.2).
type run struct {
	*settings
	worker  *Worker
	slots   *stream.Slots
	bound   time.Duration
	trouble string // the last one logged

	mu       sync.Mutex
	sessions []*stream.Session // that live; the newest is the last
}

func newRun(w *Worker, s *settings) *run {
	return &run{settings: s, worker: w, slots: stream.NewSlots(s.size, s.webSocketSize), bound: shortest}
}

func (r *run) serve(ctx context.Context) error {
	r.warn(r.log)
	r.log.Info(fmt.Sprintf("Running %T with %d slots", r.handler, r.size))
	for ctx.Err() == nil {
		ending := r.session(ctx)
		if ending.Final {
			r.closeAll()
			return fmt.Errorf("the gateway refuses this worker: %w", ending.Err)
		}
		r.holdOff(ctx, ending)
	}
	r.finish()
	r.log.Info("Stopped")
	return nil
}

// session opens one and returns when it takes no new requests, or the worker is to stop.
func (r *run) session(ctx context.Context) stream.Ending {
	session, ending := r.open(ctx)
	if session == nil {
		if ctx.Err() == nil && ending.Err.Error() != r.trouble {
			r.trouble = ending.Err.Error()
			r.log.Warn(fmt.Sprintf("No gateway at %s: %s; retrying until it answers", r.address, r.trouble))
		}
		return ending
	}
	r.trouble = ""
	r.log.Info("Connected to " + r.address)
	began := time.Now()
	r.stay(session)
	select {
	case <-session.Ended():
	case <-ctx.Done():
		return stream.Ending{}
	}
	if time.Since(began) >= healthy {
		r.bound = shortest
	}
	ending = session.Ending()
	if ending.Lost {
		r.log.Warn(fmt.Sprintf("Lost the gateway: %s; reconnecting", ending.Err))
	} else {
		r.log.Info(fmt.Sprintf("%s; finishing the requests in progress, and reconnecting", ending.Err))
	}
	return ending
}

// open dials. A stop cuts that off only before the hello: after it, requests may be assigned already.
func (r *run) open(ctx context.Context) (*stream.Session, stream.Ending) {
	call, err := r.call()
	if err != nil {
		return nil, stream.Ending{Err: err}
	}
	dialling, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	opened, err := r.carrier.Dial(dialling, call)
	if err != nil {
		if errors.Is(dialling.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %g s", dialTime.Seconds())
		}
		return nil, stream.Ending{Err: err}
	}
	return stream.Open(opened, r.hello(r.slots.Offer()), stream.Config{
		Handler: r.handler, Slots: r.slots, Log: r.log, Silence: r.silence, Costly: r.carrier.Costly,
	})
}

func (r *run) stay(session *stream.Session) {
	r.mu.Lock()
	r.sessions = append(r.sessions, session)
	r.mu.Unlock()
	if r.worker.pausing() != nil {
		session.Pause(true)
	}
	go func() {
		<-session.Done()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.sessions = slices.DeleteFunc(r.sessions, func(s *stream.Session) bool { return s == session })
	}()
}

func (r *run) living() []*stream.Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sessions)
}

func (r *run) closeAll() {
	for _, session := range r.living() {
		session.Close()
	}
}

// holdOff waits before another dial, and until old sessions leave a free slot.
func (r *run) holdOff(ctx context.Context, ending stream.Ending) {
	delay := ending.After
	if ending.Lost || ending.After == 0 {
		delay = max(delay, rand.N(r.bound))
		r.bound = min(2*r.bound, longest)
	}
	wait(ctx, time.After(delay))
	if resumed := r.worker.pausing(); resumed != nil {
		wait(ctx, resumed)
	}
	r.slots.Await(ctx)
}

func wait[T any](ctx context.Context, event <-chan T) {
	select {
	case <-event:
	case <-ctx.Done():
	}
}

// finish drains all sessions, and waits for what is held, up to the grace period.
func (r *run) finish() {
	r.log.Info(fmt.Sprintf("Stopping: %d requests in progress, waiting up to %g s (PRACK_GRACE)",
		r.slots.Held(), r.grace.Seconds()))
	ctx, cancel := context.WithTimeout(context.Background(), r.grace)
	defer cancel()
	for _, session := range r.living() {
		session.Drain()
	}
	r.await(ctx)
	r.slots.Idle(ctx)
	if r.slots.Held() > 0 {
		r.giveUp()
	}
	r.closeAll()
}

func (r *run) await(ctx context.Context) {
	for _, session := range r.living() {
		wait(ctx, session.Done())
	}
}

// giveUp fails what is left at the end of the grace period, even if handlers go on.
func (r *run) giveUp() {
	var left []string
	for _, session := range r.living() {
		left = append(left, session.Held()...)
	}
	r.log.Warn(fmt.Sprintf("Unfinished at the end of PRACK_GRACE: %d requests: %s",
		r.slots.Held(), strings.Join(left, "; ")))
	for _, session := range r.living() {
		session.Abandon()
	}
	ctx, cancel := context.WithTimeout(context.Background(), unwind)
	defer cancel()
	r.await(ctx)
}

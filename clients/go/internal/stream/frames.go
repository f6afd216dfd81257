package stream

import (
	"errors"
	"fmt"
	"io"
	"strings"

	pb "prack.example/go/prackv1"
)

// take handles one frame, its fields in the order of their numbers (1.8). It waits for nothing.
func (s *Session) take(frame *pb.GatewayFrame) {
	for _, message := range frame.Requests {
		s.begin(message)
	}
	for _, data := range frame.Data {
		if x := s.find(data.Id); x != nil {
			x.feed(data.Data)
		}
	}
	for _, finish := range frame.Finishes {
		if x := s.find(finish.Id); x != nil {
			x.finish(io.EOF)
		}
	}
	for _, cancel := range frame.Cancels {
		if x := s.find(cancel.Id); x != nil {
			x.fail(cancelled(cancel.Reason))
		}
	}
	for _, window := range frame.Windows {
		if x := s.find(window.Id); x != nil {
			x.widen(window.MaxOffset)
		}
	}
	if frame.Goaway != nil {
		s.goAway(frame.Goaway)
	}
	if nonce := frame.GetHeartbeat().GetNonce(); nonce != 0 {
		s.outbox.steer(func(f *pb.WorkerFrame) { f.Heartbeat = &pb.Heartbeat{Echo: nonce} })
	}
	if frame.Error != nil {
		s.end(endingOf(frame.Error))
	}
	for _, refusal := range frame.Refusals {
		s.refused(refusal)
	}
}

func (s *Session) begin(message *pb.Request) {
	x := newExchange(s, message)
	s.mu.Lock()
	s.exchanges[message.Id] = x
	s.mu.Unlock()
	s.slots.hold(s, x.kind, 1)
	go s.serve(x)
}

func (s *Session) serve(x *exchange) {
	if s.slots.enter(x) {
		newResponse(x).serve(s.handler)
		return
	}
	code := pb.AbortCode_ABORT_CODE_CANCELLED
	if x.cause() == nil { // a tunnel that we do not begin while we stop
		code = pb.AbortCode_ABORT_CODE_REFUSED
	}
	x.abort(code, "")
	x.leave()
}

func (s *Session) find(id uint64) *exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exchanges[id]
}

// left forgets an exchange whose last event is in the outbox.
func (s *Session) left(x *exchange) {
	s.slots.exit(x)
	s.mu.Lock()
	delete(s.exchanges, x.message.Id)
	over := s.drained && len(s.exchanges) == 0
	s.mu.Unlock()
	s.slots.hold(s, x.kind, -1)
	if over {
		s.outbox.finish()
	}
}

func (s *Session) goAway(goaway *pb.Goaway) {
	reason := or(goaway.Reason, "the gateway is stopping")
	s.end(Ending{Err: errors.New(reason), After: milliseconds(goaway.ReconnectInMs)})
	if !goaway.DrainAck {
		return
	}
	s.mu.Lock()
	s.drained = true
	over, draining := len(s.exchanges) == 0, s.draining
	s.mu.Unlock()
	if over {
		s.outbox.finish()
	}
	for _, x := range s.held() {
		if draining && x.isTunnel() { // it may never end by itself
			x.stop(ErrStopping)
		}
	}
}

// refused: the slot stays taken until this exchange is ended, as after a cancel (4.5).
func (s *Session) refused(refusal *pb.Refusal) {
	s.log.Warn(fmt.Sprintf("The gateway rejected an answer (id %d): %s", refusal.Id, refusal.Message))
	if x := s.find(refusal.Id); x != nil {
		x.fail(errors.New("the gateway rejected the answer: " + refusal.Message))
	}
}

// cancelled is the cause of a context for which the gateway sent a Cancel.
func cancelled(reason pb.CancelReason) error {
	name := strings.TrimPrefix(reason.String(), "CANCEL_REASON_")
	return errors.New("nobody waits for the response: " + strings.ToLower(name))
}

// Package prack serves an http.Handler behind a Prack gateway, to which it connects: the process needs
// no open port.
package prack

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	_ "prack.example/go/internal/plain" // prack:// is always there
	"prack.example/go/internal/stream"
)

// Worker serves one handler behind one gateway. A field that is not set is taken from its variable,
// and then has its default; so the zero Worker is one that its environment describes.
type Worker struct {
	Handler http.Handler // nil: http.DefaultServeMux

	Gateway string // PRACK_GATEWAY, prack://127.0.0.1:4242; prack://host:port, over TLS pracks://
	Slots   int    // PRACK_SLOTS, 64: requests to hold at a time, 1 to 10000
	// WebSocketSlots is how many WebSockets to hold beside them. PRACK_WEBSOCKET_SLOTS, 1000. If it is
	// negative, or 0 in the variable, they take the same slots.
	WebSocketSlots int
	Routes         []string // PRACK_ROUTES, every request: "[METHODS ]host/path", with commas in the variable

	Service string // PRACK_SERVICE: what this worker runs
	Version string // PRACK_APP_VERSION: the build of what it runs
	Tier    int    // PRACK_TIER, 0 to 9: gets requests only while lower tiers have no free slot

	Grace      time.Duration // PRACK_GRACE (seconds), 30 s: how long a stop waits for what is held
	MaxSilence time.Duration // PRACK_MAX_SILENCE (seconds), the gateway's: of a gateway that is given up

	// Token is the gateway's. PRACK_TOKEN, or what is in the file TokenFile, PRACK_TOKEN_FILE, which is
	// read at each dial and counts more.
	Token, TokenFile string

	// TLS is how to speak it for pracks:// and grpcs://. nil: with the files of PRACK_TLS_CA,
	// PRACK_CLIENT_CERT and PRACK_CLIENT_KEY, read at each dial, and PRACK_TLS_SERVER_NAME.
	TLS *tls.Config

	Log *slog.Logger // nil: lines on standard error, from PRACK_LOG_LEVEL, info, on

	mu      sync.Mutex
	resumed chan struct{} // nil unless paused; closed by Resume
	run     *run          // nil unless running
}

// Run serves until the context is done, then drains: it takes no more requests, finishes those that it
// holds, and returns nil, at the latest after the grace period; the log names what was left.
//
// Meanwhile it dials the gateway as often as that is needed. An error says that a setting is wrong, all
// of them are named, or that the gateway refuses this worker for good.
func (w *Worker) Run(ctx context.Context) error {
	settings, err := w.settings(os.Getenv)
	if err != nil {
		return err
	}
	r := newRun(w, settings)
	w.mu.Lock()
	w.run = r
	w.mu.Unlock()
	return r.serve(ctx)
}

// Pause takes no more requests until Resume; those that are on their way still come. Meanwhile the
// worker dials no gateway: it stays with those that it has.
func (w *Worker) Pause() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.resumed == nil {
		w.resumed = make(chan struct{})
		w.tell(true)
	}
}

// Resume takes requests again.
func (w *Worker) Resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.resumed != nil {
		close(w.resumed)
		w.resumed = nil
		w.tell(false)
	}
}

func (w *Worker) tell(paused bool) {
	if w.run != nil {
		for _, session := range w.run.living() {
			session.Pause(paused)
		}
	}
}

// pausing returns what Resume closes; nil if the worker is not paused.
func (w *Worker) pausing() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.resumed
}

// Info is what the gateway says of a request beside HTTP.
type Info = stream.Info

// InfoOf returns what the gateway said of the request with this context; false if the request did not
// come from a gateway.
func InfoOf(ctx context.Context) (Info, bool) { return stream.InfoOf(ctx) }

// ErrStopping is the cause of the context of a WebSocket while its worker drains: it should end, as it
// may never do so by itself.
var ErrStopping = stream.ErrStopping

// ErrLost is the cause of the context of a request whose gateway was lost.
var ErrLost = stream.ErrLost

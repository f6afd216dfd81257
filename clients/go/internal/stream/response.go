package stream

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	pb "prack.example/go/prackv1"
)

// buffered is how much of a response is held back: a smaller one is one event (4.3).
const buffered = 32 << 10

// response is the http.ResponseWriter of an exchange. It is also what http.ResponseController looks
// for, and a Hijacker for WebSockets.
type response struct {
	x       *exchange
	header  http.Header
	status  int         // of the final head, 0 before WriteHeader
	sent    http.Header // as it was at WriteHeader
	begun   bool        // the head is out
	body    []byte      // held back
	written int64
	length  int64 // the declared Content-Length, or -1
	tunnel  *tunnel
}

func newResponse(x *exchange) *response {
	return &response{x: x, header: http.Header{}, length: -1}
}

// serve calls the handler, and ends the exchange unless the handler has taken over the connection.
func (w *response) serve(handler http.Handler) {
	defer func() {
		if p := recover(); p != nil {
			w.failed(p, debug.Stack())
		}
		if w.tunnel == nil {
			w.x.leave()
		}
	}()
	handler.ServeHTTP(w, w.x.request())
	if w.tunnel != nil {
		return
	}
	if err := w.end(); err != nil {
		w.failed(err, nil)
	}
}

// failed ends the exchange of a handler that panicked, or made what is no response (4.13).
func (w *response) failed(reason any, stack []byte) {
	if reason != http.ErrAbortHandler && (stack != nil || w.x.cause() == nil) {
		w.x.session.log.Error(fmt.Sprintf("%s failed: %v", w.x, reason), "stack", string(stack))
	}
	switch {
	case w.x.cause() != nil && w.tunnel == nil:
		w.x.abort(pb.AbortCode_ABORT_CODE_CANCELLED, "")
	case w.tunnel != nil:
		w.tunnel.Close()
	case w.begun || reason == http.ErrAbortHandler:
		w.x.abort(pb.AbortCode_ABORT_CODE_HANDLER_ERROR, fmt.Sprint(reason))
	default:
		*w = *newResponse(w.x)
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		_ = w.end()
	}
}

// Header is http.ResponseWriter's.
func (w *response) Header() http.Header { return w.header }

// WriteHeader is http.ResponseWriter's, for heads before the final one, too.
func (w *response) WriteHeader(status int) {
	switch {
	case w.status != 0 || w.tunnel != nil:
		w.x.session.log.Warn(fmt.Sprintf("%s: a second WriteHeader, with %d", w.x, status))
	case status < 100 || status > 999:
		panic(fmt.Sprintf("invalid WriteHeader code %v", status))
	case status == http.StatusContinue:
		w.x.mu.Lock()
		w.x.grant()
		w.x.mu.Unlock()
	case status < 200 && status != http.StatusSwitchingProtocols:
		_ = w.x.sendHead(&pb.ResponseHead{Status: uint32(status), Headers: flatten(w.header)}, false)
	default:
		w.begin(status)
	}
}

func (w *response) begin(status int) {
	w.status, w.sent = status, w.header.Clone()
	if text := w.sent.Get("Content-Length"); text != "" {
		length, err := strconv.ParseInt(text, 10, 64)
		if err == nil && length >= 0 {
			w.length = length
		} else {
			w.x.session.log.Warn(fmt.Sprintf("%s: invalid Content-Length of %q", w.x, text))
			w.sent.Del("Content-Length")
		}
	}
}

// bodiless: what the handler writes goes nowhere (4.12).
func (w *response) bodiless() bool {
	return string(w.x.message.Method) == http.MethodHead || w.status == http.StatusNoContent ||
		w.status == http.StatusResetContent || w.status == http.StatusNotModified
}

// Write is http.ResponseWriter's.
func (w *response) Write(p []byte) (int, error) {
	if w.tunnel != nil {
		return 0, http.ErrHijacked
	}
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if err := w.x.cause(); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if w.status == http.StatusNoContent || w.status == http.StatusNotModified {
		return 0, http.ErrBodyNotAllowed
	}
	if w.written == 0 && !w.begun {
		w.sniff(p)
	}
	w.written += int64(len(p))
	if w.length >= 0 && w.written > w.length {
		return 0, http.ErrContentLength
	}
	if w.bodiless() {
		return len(p), nil
	}
	if len(w.body)+len(p) <= buffered {
		w.body = append(w.body, p...)
		return len(p), nil
	}
	if err := w.FlushError(); err != nil {
		return 0, err
	}
	return len(p), w.x.send(p)
}

// sniff names the kind of the body if the handler did not, as net/http does.
func (w *response) sniff(p []byte) {
	_, named := w.sent["Content-Type"]
	if !named && w.sent.Get("Content-Encoding") == "" {
		w.sent.Set("Content-Type", http.DetectContentType(p))
	}
}

// Flush is http.Flusher's.
func (w *response) Flush() { _ = w.FlushError() }

// FlushError sends what is held back; see http.ResponseController.
func (w *response) FlushError() error {
	if w.tunnel != nil {
		return http.ErrHijacked
	}
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.begun {
		if err := w.sendHead(nil, false); err != nil {
			return err
		}
	}
	body := w.body
	w.body = nil
	return w.x.send(body)
}

func (w *response) sendHead(body []byte, last bool) error {
	fields := flatten(w.sent)
	if err := fits(fields, w.x.session.limits.head); err != nil {
		return err
	}
	w.begun = true
	return w.x.sendHead(&pb.ResponseHead{Status: uint32(w.status), Headers: fields, Body: body}, last)
}

// end sends the rest of the response when the handler has returned. An error is the handler's.
func (w *response) end() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.x.cause() != nil {
		w.x.abort(pb.AbortCode_ABORT_CODE_CANCELLED, "")
		return nil
	}
	if w.written < w.length && !w.bodiless() {
		return fmt.Errorf("the handler wrote %d bytes; its Content-Length is %d", w.written, w.length)
	}
	trailers := trailersOf(w.sent, w.header)
	if !w.begun && trailers == nil && w.x.reserveAll(len(w.body)) {
		if string(w.x.message.Method) == http.MethodHead && w.length < 0 && w.written > 0 {
			w.sent.Set("Content-Length", strconv.FormatInt(w.written, 10))
		}
		return w.sendHead(w.body, true)
	}
	if err := w.FlushError(); err != nil {
		return err
	}
	return w.x.sendFinish(trailers)
}

// EnableFullDuplex is http.ResponseController's: requests are read while responses are written.
func (w *response) EnableFullDuplex() error { return nil }

// SetReadDeadline is http.ResponseController's.
func (w *response) SetReadDeadline(at time.Time) error {
	w.x.setDeadline(&w.x.readBy, at)
	return nil
}

// SetWriteDeadline is http.ResponseController's.
func (w *response) SetWriteDeadline(at time.Time) error {
	w.x.setDeadline(&w.x.writeBy, at)
	return nil
}

// Hijack is http.Hijacker's, for WebSockets: their connection is a tunnel (10.5).
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	switch {
	case !w.x.isTunnel():
		return nil, nil, fmt.Errorf("only the connections of WebSockets can be taken over: %w", http.ErrNotSupported)
	case w.tunnel != nil:
		return nil, nil, http.ErrHijacked
	case w.begun || (w.status != 0 && w.status != http.StatusSwitchingProtocols):
		return nil, nil, errors.New("the response has begun")
	}
	w.tunnel = &tunnel{exchange: w.x}
	if w.status != 0 {
		if err := w.sendHead(nil, false); err != nil {
			return nil, nil, err
		}
		w.tunnel.open = true
	}
	return w.tunnel, bufio.NewReadWriter(bufio.NewReader(w.tunnel), bufio.NewWriter(w.tunnel)), nil
}

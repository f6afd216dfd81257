// The application that `prack conformance` has workers serve (docs/conformance.md), with net/http alone:
//
//	prack conformance prack -- ./reference
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"prack.example/go"
	_ "prack.example/go/grpc"
)

const (
	pause = 400 * time.Millisecond
	big   = 2_000_000
)

var routes = map[string]func(http.ResponseWriter, *http.Request, string){
	"hello": hello, "echo": echo, "sink": sink, "request": request, "headers": headers, "status": status,
	"early": early, "stream": stream, "big": zeros, "slow": slow, "fail": fail, "fail-late": failLate,
	"trailers": trailers, "hints": hints, "ws": webSocket,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	w := prack.Worker{Handler: http.HandlerFunc(serve)}
	if err := w.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

// serve finds the route by the first part of the path. http.ServeMux would redirect odd targets.
func serve(w http.ResponseWriter, r *http.Request) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	w.Header().Set("Content-Type", "text/plain")
	if route, ok := routes[name]; ok {
		route(w, r, rest)
		return
	}
	w.WriteHeader(http.StatusNotFound)
	io.WriteString(w, "no such route\n")
}

func hello(w http.ResponseWriter, _ *http.Request, _ string) { io.WriteString(w, "Hello\n") }

// echo sends each piece as it comes.
func echo(w http.ResponseWriter, r *http.Request, _ string) {
	w.Header().Set("Content-Type", "application/octet-stream")
	piece := make([]byte, 32<<10)
	for {
		n, err := r.Body.Read(piece)
		w.Write(piece[:n])
		w.(http.Flusher).Flush()
		if err != nil {
			return
		}
	}
}

func sink(w http.ResponseWriter, r *http.Request, _ string) {
	n, _ := io.Copy(io.Discard, r.Body)
	fmt.Fprintln(w, n)
}

// request tells what came: Go has names of fields in its own spelling, and Host beside them.
func request(w http.ResponseWriter, r *http.Request, _ string) {
	fmt.Fprintf(w, "%s %s\nhost: %s\n", r.Method, r.RequestURI, r.Host)
	for name, values := range r.Header {
		for _, value := range values {
			fmt.Fprintf(w, "%s: %s\n", name, value)
		}
	}
}

func headers(w http.ResponseWriter, _ *http.Request, _ string) {
	w.Header()["X-Mixed-Case"] = []string{"kept"}
	w.Header()["Set-Cookie"] = []string{"a=1", "b=2"}
	w.Header().Set("X-Obs-Text", "caf\xe9")
	w.Header().Set("X-Empty", "")
	io.WriteString(w, "headers\n")
}

func status(w http.ResponseWriter, _ *http.Request, rest string) {
	code, _ := strconv.Atoi(rest)
	w.WriteHeader(code)
}

func early(w http.ResponseWriter, _ *http.Request, _ string) {
	w.WriteHeader(http.StatusForbidden)
	io.WriteString(w, "not wanted\n")
}

func stream(w http.ResponseWriter, _ *http.Request, _ string) {
	for _, piece := range []string{"one\n", "two\n"} {
		io.WriteString(w, piece)
		w.(http.Flusher).Flush()
		time.Sleep(pause)
	}
	io.WriteString(w, "three\n")
}

func zeros(w http.ResponseWriter, _ *http.Request, _ string) {
	w.Header().Set("Content-Type", "application/octet-stream")
	piece := make([]byte, 64_000)
	for left := big; left > 0; left -= len(piece) {
		piece = piece[:min(len(piece), left)]
		if _, err := w.Write(piece); err != nil {
			return
		}
	}
}

// slow answers late, unless the client of a GET leaves.
func slow(w http.ResponseWriter, r *http.Request, rest string) {
	milliseconds, _ := strconv.Atoi(rest)
	gone := r.Context().Done()
	if r.Method != http.MethodGet {
		gone = nil
	}
	select {
	case <-time.After(time.Duration(milliseconds) * time.Millisecond):
		io.WriteString(w, "slow\n")
	case <-gone:
	}
}

func fail(http.ResponseWriter, *http.Request, string) {
	panic("this application fails, as it was asked to")
}

func failLate(w http.ResponseWriter, _ *http.Request, _ string) {
	io.WriteString(w, "part")
	w.(http.Flusher).Flush()
	time.Sleep(pause)
	panic("this application fails late, as it was asked to")
}

func trailers(w http.ResponseWriter, _ *http.Request, _ string) {
	w.Header().Set("Trailer", "X-Checksum")
	io.WriteString(w, "body\n")
	w.Header().Set("X-Checksum", "42")
}

func hints(w http.ResponseWriter, _ *http.Request, _ string) {
	w.Header().Del("Content-Type") // a hint has no body that it would be the type of
	w.Header().Set("Link", "</style.css>; rel=preload")
	w.WriteHeader(http.StatusEarlyHints)
	io.WriteString(w, "hinted\n")
}

// Applications as people write them, for the tests: a router with middleware, server-sent events, and
// two libraries of WebSockets.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/coder/websocket"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	gorilla "github.com/gorilla/websocket"

	"prack.example/go"
	_ "prack.example/go/grpc"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	w := prack.Worker{Handler: router()}
	if err := w.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

func router() http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.RequestID, middleware.Recoverer, middleware.Compress(5, "text/plain"))
	r.HandleFunc("/run/{nonce}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %d go\n", chi.URLParam(r, "nonce"), os.Getpid())
	})
	r.Get("/lines", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		for n := range 1000 {
			fmt.Fprintln(w, n)
		}
	})
	r.Get("/events", events)
	r.Post("/upload", upload)
	r.Get("/file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "README.md") })
	r.Get("/gorilla", echoGorilla)
	r.Get("/coder", echoCoder)
	return r
}

// events sends server-sent events until the client leaves, and then says so in the log.
func events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	controller := http.NewResponseController(w)
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	for n := 1; ; n++ {
		fmt.Fprintf(w, "data: %d\n\n", n)
		if controller.Flush() != nil {
			return
		}
		select {
		case <-ticks.C:
		case <-r.Context().Done():
			log.Print("the reader of the events has left")
			return
		}
	}
}

func upload(w http.ResponseWriter, r *http.Request) {
	file, header, err := r.FormFile("file")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	size, _ := io.Copy(io.Discard, file)
	fmt.Fprintf(w, "%s %d\n", header.Filename, size)
}

var upgrader = gorilla.Upgrader{EnableCompression: true, CheckOrigin: func(*http.Request) bool { return true }}

func echoGorilla(w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	// While the worker stops, clients are told to come again.
	stop := context.AfterFunc(r.Context(), func() {
		text := gorilla.FormatCloseMessage(gorilla.CloseServiceRestart, "")
		conn.WriteControl(gorilla.CloseMessage, text, time.Now().Add(time.Second))
	})
	defer stop()
	for {
		kind, data, err := conn.ReadMessage()
		if err != nil || conn.WriteMessage(kind, data) != nil {
			return
		}
	}
}

func echoCoder(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(1 << 20)
	for {
		kind, data, err := conn.Read(context.Background())
		if err != nil || conn.Write(context.Background(), kind, data) != nil {
			return
		}
	}
}

// The smallest worker: go build ./hello && ./hello
package main

import (
	"context"
	"io"
	"log"
	"net/http"
	"os/signal"
	"syscall"

	"prack.example/go"
	_ "prack.example/go/grpc"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	w := prack.Worker{Handler: http.HandlerFunc(hello)}
	if err := w.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

func hello(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	io.WriteString(w, "Hello, world!\n")
}

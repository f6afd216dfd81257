package stream

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	pb "prack.example/go/prackv1"
)

// What handlers do, and what net/http's own server makes of it: the same has to come of it here.
var handlers = map[string]http.HandlerFunc{
	"nothing":     func(http.ResponseWriter, *http.Request) {},
	"small":       func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>hello") },
	"error":       func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 418) },
	"not found":   http.NotFound,
	"redirect":    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/b?x=1", 303) },
	"no content":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
	"unchanged":   func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Etag", `"1"`); w.WriteHeader(304) },
	"second head": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.WriteHeader(500) },
	"late field": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(200)
		w.Header().Set("X-Late", "1")
		io.WriteString(w, "x")
	},
	"length": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "3")
		fmt.Fprint(w, "abc")
	},
	"too long": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "3")
		n, err := io.WriteString(w, "abc")
		_, second := io.WriteString(w, "def")
		if n != 3 || err != nil || !errors.Is(second, http.ErrContentLength) {
			panic("another error")
		}
	},
	"untyped": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		io.WriteString(w, "<html>")
	},
	"odd fields": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["X-Split"] = []string{"a\r\nb: c"}
		w.Header()["No Token"] = []string{"1"}
		w.Header()["Set-Cookie"] = []string{"a=1", "b=2"}
	},
	"request": func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		fmt.Fprintln(w, r.Method, r.RequestURI, r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.Proto, r.ContentLength,
			r.Header["X-Twice"], r.Header.Get("Host"), string(data), err, r.FormValue("q"))
	},
}

func TestResponsesAreThoseOfNetHTTP(t *testing.T) {
	for name, handler := range handlers {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			t.Run(name+" "+method, func(t *testing.T) { compare(t, handler, method) })
		}
	}
}

func compare(t *testing.T, handler http.HandlerFunc, method string) {
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	defer server.Close()
	target, text := "/a%2Fb/c%20?q=1&x=%20", ""
	if method == "POST" {
		text = "hello"
	}
	request, _ := http.NewRequest(method, server.URL+target, strings.NewReader(text))
	request.Header["X-Twice"] = []string{"1", "2"}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	expected, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer expected.Body.Close()
	data, _ := io.ReadAll(expected.Body)

	g := start(t, handler)
	got := g.end(g.ask(method, target, body(text), func(r *pb.Request) {
		r.Headers = append(r.Headers, []byte("x-twice"), []byte("1"), []byte("x-twice"), []byte("2"))
	}))
	if got.head == nil || int(got.head.Status) != expected.StatusCode || string(got.body) != string(data) {
		t.Fatalf("got %v %q, net/http %d %q", got.head, got.body, expected.StatusCode, data)
	}
	for _, name := range []string{"Content-Type", "Location", "Set-Cookie", "X-Late", "X-Split", "B", "Etag"} {
		if fields := got.field(strings.ToLower(name)); !slices.Equal(fields, expected.Header[name]) {
			t.Errorf("%s: got %q, net/http %q", name, fields, expected.Header[name])
		}
	}
	for name := range expected.Header {
		if name != "Date" && name != "Content-Length" && got.field(strings.ToLower(name)) == nil {
			t.Errorf("%s is missing", name)
		}
	}
	if method == "HEAD" && !slices.Equal(got.field("content-length"), expected.Header["Content-Length"]) {
		t.Errorf("Content-Length: got %q, net/http %q", got.field("content-length"), expected.Header["Content-Length"])
	}
}

func TestASmallResponseIsOneEvent(t *testing.T) {
	g := start(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	if got := g.end(g.ask("GET", "/")); !got.head.End || string(got.head.Body) != "hello" {
		t.Fatalf("%v", got.head)
	}
}

func TestALargeResponseKeepsToItsWindow(t *testing.T) {
	const size = 200_000
	g := start(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, size)) })
	id, got := g.ask("GET", "/"), &seen{}
	g.until(id, got, func() bool { return len(got.body) >= window })
	if len(got.body) != window {
		t.Fatalf("%d bytes in a window of %d", len(got.body), window)
	}
	g.widen(id, window+1)
	g.until(id, got, func() bool { return len(got.body) >= window+1 })
	g.widen(id, size)
	g.until(id, got, func() bool { return got.finished })
	if len(got.body) != size {
		t.Fatalf("%d bytes", len(got.body))
	}
}

func TestFailuresBeforeAndAfterTheHead(t *testing.T) {
	g := start(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "part")
		if r.URL.Path == "/late" {
			w.(http.Flusher).Flush()
		}
		if r.URL.Path == "/quiet" {
			panic(http.ErrAbortHandler)
		}
		panic("boom")
	})
	early := g.end(g.ask("GET", "/"))
	if early.head.GetStatus() != 500 || string(early.body) != "Internal Server Error\n" {
		t.Fatalf("%v", early)
	}
	late := g.end(g.ask("GET", "/late"))
	if late.head.GetStatus() != 200 || late.abort.GetCode() != pb.AbortCode_ABORT_CODE_HANDLER_ERROR {
		t.Fatalf("%v", late)
	}
	if text := g.log.String(); strings.Count(text, "boom") < 2 || !strings.Contains(text, "response_test.go") {
		t.Fatalf("no stack in %s", text)
	}
	before := g.log.String()
	if quiet := g.end(g.ask("GET", "/quiet")); quiet.abort == nil || g.log.String() != before {
		t.Fatalf("%v %s", quiet, g.log)
	}
}

func TestWhatIsNoResponse(t *testing.T) {
	g := start(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/short" {
			w.Header().Set("Content-Length", "9")
		} else {
			w.Header().Set("X-Large", strings.Repeat("x", 3000))
		}
		io.WriteString(w, "abc")
	})
	for path, why := range map[string]string{"/short": "its Content-Length is 9", "/large": "at most 100 and 2000"} {
		if got := g.end(g.ask("GET", path)); got.head.GetStatus() != 500 || !strings.Contains(g.log.String(), why) {
			t.Errorf("%s: %v %s", path, got, g.log)
		}
	}
}

func TestTrailersAndEarlyHints(t *testing.T) {
	g := start(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Trailer", "X-Sum, X-Unset")
		io.WriteString(w, "x")
		w.Header().Set("X-Sum", "42")
		w.Header().Set(http.TrailerPrefix+"X-More", "1")
	})
	got := g.end(g.ask("GET", "/"))
	if len(got.early) != 1 || got.early[0].Status != 103 || got.early[0].End {
		t.Fatalf("%v", got.early)
	}
	var trailers []string
	for _, part := range got.trailers {
		trailers = append(trailers, string(part))
	}
	if !slices.Equal(trailers, []string{"x-more", "1", "x-sum", "42"}) || got.field("x-sum") != nil {
		t.Fatalf("%q", trailers)
	}
}

func TestABodyIsReadAsItComes(t *testing.T) {
	g := start(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(flushing{w}, r.Body)
	})
	id, got := g.ask("POST", "/", unfinished, func(r *pb.Request) { r.Body = []byte("a") }), &seen{}
	g.until(id, got, func() bool { return string(got.body) == "a" })
	g.feed(id, "b")
	g.until(id, got, func() bool { return string(got.body) == "ab" })
	g.finish(id)
	g.until(id, got, func() bool { return got.finished })
}

type flushing struct{ http.ResponseWriter }

func (w flushing) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	return n, errors.Join(err, http.NewResponseController(w.ResponseWriter).Flush())
}

func TestContinueIsSentWhenTheBodyIsRead(t *testing.T) {
	g := start(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/read" {
			io.ReadAll(r.Body)
		}
	})
	expects := func(r *pb.Request) { unfinished(r); r.ExpectContinue = true }
	if got := g.end(g.ask("POST", "/", expects)); got.windows != nil {
		t.Fatalf("windows %v for a body that nobody reads", got.windows)
	}
	id, got := g.ask("POST", "/read", expects), &seen{}
	g.until(id, got, func() bool { return got.windows != nil })
	g.finish(id)
	g.until(id, got, func() bool { return got.finished })
}

func TestACancelEndsWaits(t *testing.T) {
	waits := map[string]func(http.ResponseWriter, *http.Request) error{
		"context": func(_ http.ResponseWriter, r *http.Request) error { <-r.Context().Done(); return r.Context().Err() },
		"body":    func(_ http.ResponseWriter, r *http.Request) error { _, err := r.Body.Read(make([]byte, 1)); return err },
		"window": func(w http.ResponseWriter, _ *http.Request) error {
			_, err := w.Write(make([]byte, 2*window))
			return err
		},
	}
	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			began, came := make(chan struct{}), make(chan error, 1)
			g := start(t, func(w http.ResponseWriter, r *http.Request) {
				close(began)
				came <- wait(w, r)
			})
			id := g.ask("POST", "/", unfinished)
			<-began
			g.cancel(id)
			if got := g.end(id); got.abort.GetCode() != pb.AbortCode_ABORT_CODE_CANCELLED || <-came == nil {
				t.Fatalf("%v", got)
			}
		})
	}
}

func TestDeadlines(t *testing.T) {
	errs := make(chan error, 2)
	g := start(t, func(w http.ResponseWriter, r *http.Request) {
		controller := http.NewResponseController(w)
		errs <- errors.Join(controller.SetReadDeadline(time.Now().Add(time.Millisecond)), controller.EnableFullDuplex())
		_, err := r.Body.Read(make([]byte, 1))
		errs <- err
		controller.SetWriteDeadline(time.Now().Add(time.Millisecond))
		_, err = w.Write(make([]byte, 2*window))
		errs <- err
		panic(http.ErrAbortHandler)
	})
	g.ask("POST", "/", unfinished)
	if err := <-errs; err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-errs; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
}

func TestNothingFollowsTheEnd(t *testing.T) {
	again := make(chan error)
	g := start(t, func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		go func() {
			<-again
			_, err := w.Write(make([]byte, buffered+1))
			again <- err
		}()
	})
	g.end(g.ask("GET", "/"))
	again <- nil
	if err := <-again; !errors.Is(err, errEnded) {
		t.Fatal(err)
	}
}

func TestInfo(t *testing.T) {
	g := start(t, func(w http.ResponseWriter, r *http.Request) {
		info, ok := InfoOf(r.Context())
		fmt.Fprint(w, info, ok, r.RemoteAddr, r.Host)
	})
	got := g.end(g.ask("GET", "*"))
	if string(got.body) != "{r1 1 0s http} true192.0.2.7:50123shop.example.com" {
		t.Fatalf("%q", got.body)
	}
}

// Go's net/http.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
)

// What proxies add and remove.
var hop = regexp.MustCompile(`^(via|forwarded|x-forwarded-.*|x-request-(id|start)|connection|te|expect)$`)

func seen(fields http.Header) map[string][]string {
	found := map[string][]string{}
	for name, values := range fields {
		if name = strings.ToLower(name); !hop.MatchString(name) {
			found[name] = values
		}
	}
	return found
}

func echo(w http.ResponseWriter, r *http.Request) {
	hash := sha256.New()
	io.Copy(hash, r.Body)
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"method": r.Method, "url": r.RequestURI, "host": r.Host, "headers": seen(r.Header),
		"body": hex.EncodeToString(hash.Sum(nil)),
	})
}

func pieces(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, "one")
	w.(http.Flusher).Flush()
	io.WriteString(w, "two")
}

func cookies(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
	http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
}

func hints(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Link", "</a.css>; rel=preload")
	w.WriteHeader(103)
	io.WriteString(w, "hinted")
}

func trailers(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Trailer", "X-Sum")
	io.WriteString(w, "summed")
	w.Header().Set("X-Sum", "7")
}

func main() {
	http.HandleFunc("/plain", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
	http.HandleFunc("/echo", echo)
	http.HandleFunc("/pieces", pieces)
	http.HandleFunc("/cookies", cookies)
	http.HandleFunc("/hints", hints)
	http.HandleFunc("/trailers", trailers)
	http.HandleFunc("/nothing", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) })
	http.Handle("/redirect", http.RedirectHandler("/plain?x=%20", 302))
	http.HandleFunc("/large", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, strings.Repeat("0123456789", 200000))
	})
	http.HandleFunc("/fails", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	if err := http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil); err != nil {
		panic(err)
	}
}

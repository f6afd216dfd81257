package stream

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	pb "prack.example/go/prackv1"
)

// Info is what the gateway says of a request beside HTTP.
type Info struct {
	ID      string        // the same at the gateway, in its logs, and for other workers
	Attempt int           // 2 or more: another worker may have begun it
	Queued  time.Duration // how long it waited at the gateway
	Scheme  string        // what the client used: http or https
}

type infoKey struct{}

// InfoOf returns what the gateway said of the request with this context; false for other contexts.
func InfoOf(ctx context.Context) (Info, bool) {
	info, ok := ctx.Value(infoKey{}).(Info)
	return info, ok
}

// request is what the handler gets; it is as net/http's server would make it.
func (x *exchange) request() *http.Request {
	m := x.message
	r := &http.Request{
		Method: string(m.Method), URL: parse(string(m.Target)), RequestURI: string(m.Target),
		Proto: "HTTP/" + string(m.HttpVersion), ProtoMajor: 1, Host: string(m.Authority),
		Header: headerOf(m.Headers), Body: x, ContentLength: m.BodyLength,
	}
	if string(m.HttpVersion) != "1.0" {
		r.ProtoMinor = 1
	}
	if m.End {
		r.ContentLength = int64(len(m.Body))
	}
	if m.End && len(m.Body) == 0 {
		r.Body = http.NoBody
	}
	if m.Client != nil {
		r.RemoteAddr = net.JoinHostPort(m.Client.Ip, strconv.Itoa(int(m.Client.Port)))
	}
	return r.WithContext(context.WithValue(x.ctx, infoKey{}, Info{
		ID: m.RequestId, Attempt: int(m.Attempt), Queued: milliseconds(m.QueuedMs), Scheme: string(m.Scheme),
	}))
}

// parse never fails: a path with an invalid escape is left undecoded. net/http answers 400, but
// here such targets may be right for an application, which has them as RequestURI.
func parse(target string) *url.URL {
	if parsed, err := url.ParseRequestURI(target); err == nil {
		return parsed
	}
	path, query, _ := strings.Cut(target, "?")
	return &url.URL{Path: path, RawQuery: query}
}

func headerOf(flat [][]byte) http.Header {
	header := make(http.Header, len(flat)/2)
	for i := 0; i+1 < len(flat); i += 2 {
		header.Add(string(flat[i]), string(flat[i+1]))
	}
	header.Del("Host") // is Request.Host, as in net/http
	return header
}

func (x *exchange) isTunnel() bool { return x.message.Upgrade == pb.Upgrade_UPGRADE_TUNNEL }

func (x *exchange) String() string {
	path, _, _ := strings.Cut(string(x.message.Target), "?")
	return fmt.Sprintf("%s %s (%s)", x.message.Method, path, x.message.RequestId)
}

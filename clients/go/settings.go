package prack

import (
	"cmp"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"prack.example/go/carrier"
	pb "prack.example/go/prackv1"
)

const (
	libraryVersion = "0.1.0"
	minor          = 1 // of the protocol
	maxSlots       = 10_000
	dialTime       = 10 * time.Second
)

var (
	name  = regexp.MustCompile(`^[!-~]{0,128}$`)
	token = regexp.MustCompile(`^[!-~]+$`)
)

// settings are a worker's fields with what the environment adds.
type settings struct {
	handler             http.Handler
	log                 *slog.Logger
	carrier             carrier.Carrier
	address             string
	secure              bool
	size, webSocketSize int
	grace, silence      time.Duration
	token, tokenFile    string
	tls                 *tls.Config
	files               files
	identity            *pb.Hello
}

// environment reads variables, and collects what is wrong with them.
type environment struct {
	get      func(string) string
	mistakes []error
}

func (e *environment) wrong(source, value, expected string) {
	e.mistakes = append(e.mistakes, fmt.Errorf("%s %q: expected %s", source, value, expected))
}

func (e *environment) text(field, variable string) string { return cmp.Or(field, e.get(variable)) }

// number is the field's, or the variable's, or the default.
func (e *environment) number(field int, variable string, least, most, otherwise int) int {
	text := e.get(variable)
	if field != 0 {
		text = strconv.Itoa(field)
	}
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		e.wrong(variable, text, fmt.Sprintf("a whole number from %d to %d", least, most))
	}
	return n
}

// seconds is the field's, or the variable's, or the default.
func (e *environment) seconds(field time.Duration, variable string, least, most float64, otherwise time.Duration) time.Duration {
	text := e.get(variable)
	if field != 0 {
		text = strconv.FormatFloat(field.Seconds(), 'g', -1, 64)
	}
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(least <= n && n <= most) {
		e.wrong(variable, text, fmt.Sprintf("seconds from %g to %g", least, most))
		return 0
	}
	return time.Duration(n * float64(time.Second))
}

func (e *environment) name(field, variable string) string {
	text := e.text(field, variable)
	if !name.MatchString(text) {
		e.wrong(variable, text, "at most 128 visible ASCII characters, without spaces")
	}
	return text
}

// settings returns all mistakes at once, each with the variable of the field.
func (w *Worker) settings(get func(string) string) (*settings, error) {
	e := &environment{get: get}
	s := &settings{handler: w.Handler, tls: w.TLS, log: w.Log, files: e.files()}
	if s.handler == nil {
		s.handler = http.DefaultServeMux
	}
	if level := e.level(); s.log == nil {
		s.log = slog.New(&lines{out: os.Stderr, level: level})
	}
	e.gateway(s, cmp.Or(e.text(w.Gateway, "PRACK_GATEWAY"), "prack://127.0.0.1:4242"))
	s.size = e.number(w.Slots, "PRACK_SLOTS", 1, maxSlots, 64)
	if w.WebSocketSlots >= 0 {
		s.webSocketSize = e.number(w.WebSocketSlots, "PRACK_WEBSOCKET_SLOTS", 0, maxSlots, 1000)
	}
	s.grace = e.seconds(w.Grace, "PRACK_GRACE", 0, 86_400, 30*time.Second)
	s.silence = e.seconds(w.MaxSilence, "PRACK_MAX_SILENCE", 1, 3600, 0)
	e.tokens(s, w)
	s.identity = &pb.Hello{
		WorkerId: identifier(), Service: e.name(w.Service, "PRACK_SERVICE"),
		Version: e.name(w.Version, "PRACK_APP_VERSION"), Routes: e.routes(w.Routes),
		Tier:     uint32(e.number(w.Tier, "PRACK_TIER", 0, 9, 0)),
		MinorMin: minor,
		MinorMax: minor,
		Sdk:      fmt.Sprintf("prack-go/%s (%s; %s)", libraryVersion, runtime.Version(), runtime.GOOS),
		Instance: random(16),
	}
	return s, errors.Join(e.mistakes...)
}

func (e *environment) gateway(s *settings, text string) {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Hostname() == "" || strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" || parsed.User != nil {
		e.wrong("PRACK_GATEWAY", text, "scheme://host:port")
		return
	}
	found, ok := carrier.Named(parsed.Scheme)
	if plain, secure := strings.CutSuffix(parsed.Scheme, "s"); !ok && secure {
		found, ok = carrier.Named(plain)
		s.secure = true
	}
	if !ok {
		e.wrong("PRACK_GATEWAY", text, strings.Join(carrier.Schemes(), ":// or ")+":// or one of these "+
			"with an s, for TLS (for grpc:// import prack.example/go/grpc)")
		return
	}
	s.carrier = found
	s.address = net.JoinHostPort(parsed.Hostname(), cmp.Or(parsed.Port(), found.Port))
}

func (e *environment) tokens(s *settings, w *Worker) {
	s.tokenFile = e.text(w.TokenFile, "PRACK_TOKEN_FILE")
	if s.token = e.text(w.Token, "PRACK_TOKEN"); s.token != "" && !token.MatchString(s.token) {
		e.mistakes = append(e.mistakes, errors.New("PRACK_TOKEN: expected visible ASCII characters, without spaces"))
	}
	if s.tokenFile != "" {
		if _, err := readToken(s.tokenFile); err != nil {
			e.mistakes = append(e.mistakes, err)
		}
	}
}

// readToken never says what is in the file.
func readToken(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("PRACK_TOKEN_FILE: %w", err)
	}
	text := strings.TrimSpace(string(data))
	if !token.MatchString(text) {
		return "", fmt.Errorf("PRACK_TOKEN_FILE %q: expected visible ASCII characters, without spaces", path)
	}
	return text, nil
}

// call says whom to dial now: files are read anew, as they may have been replaced.
func (s *settings) call() (call carrier.Call, err error) {
	call = carrier.Call{Address: s.address, Token: s.token}
	if s.tokenFile != "" {
		if call.Token, err = readToken(s.tokenFile); err != nil {
			return call, err
		}
	}
	if s.secure {
		if call.TLS = s.tls; call.TLS == nil {
			call.TLS, err = s.files.config()
		}
	}
	return call, err
}

func (s *settings) hello(capacity *pb.Capacity) *pb.Hello {
	hello := s.identity
	hello.Capacity = capacity
	return hello
}

// identifier is unique for each process start (2.1).
func identifier() string {
	host, _ := os.Hostname()
	host = regexp.MustCompile(`[^!-~]`).ReplaceAllString(host, "-")
	return fmt.Sprintf("%.64s-%d-%s", host, os.Getpid(), hex.EncodeToString(random(4)))
}

func random(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.Read(data) // never fails
	return data
}

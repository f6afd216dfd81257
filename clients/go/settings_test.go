package prack

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
)

func variables(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func TestAFieldCountsMoreThanItsVariable(t *testing.T) {
	get := variables(map[string]string{
		"PRACK_GATEWAY": "pracks://gateway.example.com", "PRACK_SLOTS": "3", "PRACK_WEBSOCKET_SLOTS": "0",
		"PRACK_SERVICE": "web", "PRACK_APP_VERSION": "v1", "PRACK_TIER": "2", "PRACK_GRACE": "1.5",
		"PRACK_MAX_SILENCE": "4", "PRACK_TOKEN": "secret", "PRACK_ROUTES": "GET,HEAD *.a.com/x/, /api",
	})
	s, err := (&Worker{}).settings(get)
	if err != nil {
		t.Fatal(err)
	}
	if s.address != "gateway.example.com:4242" || !s.secure || s.size != 3 || s.webSocketSize != 0 ||
		s.grace != 1500*time.Millisecond || s.silence != 4*time.Second || s.token != "secret" {
		t.Errorf("%+v", s)
	}
	if s.identity.Service != "web" || s.identity.Version != "v1" || s.identity.Tier != 2 {
		t.Errorf("%+v", s.identity)
	}
	s, err = (&Worker{Gateway: "prack://[::1]:9", Slots: 5, WebSocketSlots: -1, Service: "shop", Routes: []string{}}).settings(get)
	if err != nil || s.address != "[::1]:9" || s.secure || s.size != 5 || s.webSocketSize != 0 ||
		s.identity.Service != "shop" || len(s.identity.Routes) != 0 {
		t.Errorf("%+v %v", s, err)
	}
}

func TestDefaults(t *testing.T) {
	s, err := (&Worker{}).settings(variables(nil))
	if err != nil || s.address != "127.0.0.1:4242" || s.secure || s.size != 64 || s.webSocketSize != 1000 || s.grace != 30*time.Second {
		t.Errorf("%+v %v", s, err)
	}
	id := s.identity.WorkerId
	if len(id) < 10 || len(id) > 128 || strings.ContainsAny(id, " \n") || len(s.identity.Instance) != 16 {
		t.Errorf("%q", id)
	}
}

func TestAllMistakesAreNamed(t *testing.T) {
	open := filepath.Join(t.TempDir(), "none")
	_, err := (&Worker{Slots: 20_000}).settings(variables(map[string]string{
		"PRACK_GATEWAY": "grpc://a", "PRACK_WEBSOCKET_SLOTS": "x", "PRACK_SERVICE": "a b", "PRACK_GRACE": "nan",
		"PRACK_MAX_SILENCE": "0", "PRACK_TOKEN": "a b", "PRACK_TOKEN_FILE": open, "PRACK_ROUTES": "GET",
		"PRACK_LOG_LEVEL": "loud", "PRACK_CLIENT_CERT": "c.pem", "PRACK_TIER": "10",
	}))
	if err == nil {
		t.Fatal("no error")
	}
	for _, expected := range []string{
		`PRACK_GATEWAY "grpc://a": expected `, `PRACK_SLOTS "20000": expected a whole number from 1 to 10000`,
		"PRACK_WEBSOCKET_SLOTS", `PRACK_SERVICE "a b"`, "PRACK_GRACE", "PRACK_MAX_SILENCE", "PRACK_TOKEN: expected",
		"PRACK_TOKEN_FILE", `PRACK_ROUTES "GET "`, "PRACK_LOG_LEVEL", "PRACK_CLIENT_KEY", "PRACK_TIER",
	} {
		if !strings.Contains(err.Error(), expected) {
			t.Errorf("%q is not in:\n%v", expected, err)
		}
	}
	if strings.Contains(err.Error(), "a b\": expected visible") {
		t.Error("the token is shown")
	}
}

func TestRoutes(t *testing.T) {
	for text, expected := range map[string]string{
		"/api":                            `path:"/api"`,
		"*":                               ``,
		"Shop.example.com/cart/":          `host:"shop.example.com" path:"/cart"`,
		"GET, HEAD *.example.com/":        `host:"*.example.com" methods:"GET" methods:"HEAD"`,
		"shop.example.com":                `host:"shop.example.com"`,
		"a b c.com/":                      "-",
		"":                                "-",
		"*.*/":                            "-",
		"/with space":                     "-",
		"GET /\u00e9":                     "-",
		"PATCH [::1]/a":                   `host:"[::1]" path:"/a" methods:"PATCH"`,
		"GET(x) /a":                       "-",
		"GET shop.example.com/a%20b?c#d/": `host:"shop.example.com" path:"/a%20b?c#d" methods:"GET"`,
	} {
		route, ok := parseRoute(text)
		got := strings.Join(strings.Fields(prototext.MarshalOptions{}.Format(route)), " ")
		if ok != (expected != "-") || (ok && got != expected) {
			t.Errorf("%q: %q %v, expected %q", text, got, ok, expected)
		}
	}
	if got := splitRoutes("GET,HEAD *.a.com/x, /api,,b.com"); strings.Join(got, "|") != "GET,HEAD *.a.com/x|/api|b.com" {
		t.Error(got)
	}
}

func TestATokenFileIsReadAtEachDial(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	for _, token := range []string{"first", "second"} {
		if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := (&Worker{TokenFile: path, Token: "other"}).settings(variables(nil))
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(path, []byte(token+"-renewed"), 0o600)
		if call, err := s.call(); err != nil || call.Token != token+"-renewed" {
			t.Error(call, err)
		}
	}
}

func TestTheFilesOfTLSAreNamed(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.pem")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	os.WriteFile(empty, nil, 0o600)
	for f, expected := range map[files]string{
		{authorities: none}:      "PRACK_TLS_CA",
		{authorities: empty}:     "expected certificates in PEM",
		{cert: none, key: empty}: "PRACK_CLIENT_CERT",
	} {
		if _, err := f.config(); err == nil || !strings.Contains(err.Error(), expected) {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

func TestSecretsThatOthersCanRead(t *testing.T) {
	var out strings.Builder
	token, key := filepath.Join(t.TempDir(), "token"), filepath.Join(t.TempDir(), "key")
	for path, mode := range map[string]os.FileMode{token: 0o644, key: 0o640} {
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, mode)); err != nil { // whatever the umask
			t.Fatal(err)
		}
	}
	s := &settings{tokenFile: token, files: files{key: key}}
	s.warn(slog.New(&lines{out: &out}))
	if text := out.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "the token file "+token+": run") {
		t.Error(text)
	}
}

func TestLines(t *testing.T) {
	var out strings.Builder
	log := slog.New(&lines{out: &out, level: slog.LevelInfo})
	log.Debug("not shown")
	log.Warn("Lost \x1b[31m the\ngateway")
	log.Error("failed", "stack", "goroutine 1\n")
	first, rest, _ := strings.Cut(out.String(), "\n")
	if !strings.HasSuffix(first, ` WARNING Lost \x1b[31m the\ngateway`) || !strings.HasSuffix(rest, "ERROR failed\ngoroutine 1\n") {
		t.Errorf("%q", out.String())
	}
}

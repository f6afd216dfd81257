package stream

import (
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

const maxFields = 100 // of one head (4.5)

// dropped do not cross the gateway (RFC 9110, section 7.6.1).
var dropped = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Transfer-Encoding", "Upgrade"}

var oneLine = strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ")

// flatten makes fields as the wire has them (4.4). What is no field is left out, and line ends in
// values are spaces, as net/http's server has it.
func flatten(header http.Header) [][]byte {
	flat := make([][]byte, 0, 2*len(header))
	for _, key := range slices.Sorted(maps.Keys(header)) {
		if !isToken(key) || slices.Contains(dropped, key) {
			continue
		}
		name := []byte(strings.ToLower(key))
		for _, value := range header[key] {
			flat = append(flat, name, []byte(textproto.TrimString(oneLine.Replace(value))))
		}
	}
	return flat
}

// isToken is false for the keys of http.TrailerPrefix, too.
func isToken(name string) bool {
	for _, c := range []byte(name) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && !('0' <= c && c <= '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != ""
}

// fits checks the limits of a head, so that the log of this worker names the handler's mistake.
func fits(flat [][]byte, most int) error {
	size := 0
	for _, part := range flat {
		size += len(part)
	}
	if size > most || len(flat) > 2*maxFields {
		return fmt.Errorf("the response head has %d fields and %d bytes; at most %d and %d are allowed",
			len(flat)/2, size, maxFields, most)
	}
	return nil
}

// trailersOf returns the trailer fields that the handler announced, or named with http.TrailerPrefix.
func trailersOf(sent, header http.Header) [][]byte {
	trailers := http.Header{}
	for _, names := range sent["Trailer"] {
		for _, name := range strings.Split(names, ",") {
			key := http.CanonicalHeaderKey(textproto.TrimString(name))
			trailers[key] = header[key]
		}
	}
	for key, values := range header {
		if name, ok := strings.CutPrefix(key, http.TrailerPrefix); ok {
			trailers[http.CanonicalHeaderKey(name)] = values
		}
	}
	if flat := flatten(trailers); len(flat) > 0 {
		return flat
	}
	return nil
}

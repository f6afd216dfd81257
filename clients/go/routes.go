package prack

import (
	"regexp"
	"strings"

	pb "prack.example/go/prackv1"
)

var (
	host    = regexp.MustCompile(`^((\*\.)?[a-z0-9._-]+|\[[0-9a-f:.]+\])$`)
	path    = regexp.MustCompile(`^/[!-~]*$`)
	method  = regexp.MustCompile("^[!#$%&'*+\\-.^_`|~0-9A-Za-z]+$")
	methods = regexp.MustCompile(`^[A-Z]+$`)
)

// routes are the field's, or those of the variable, with commas between them.
func (e *environment) routes(given []string) (routes []*pb.Route) {
	if given == nil {
		given = splitRoutes(e.get("PRACK_ROUTES"))
	}
	for _, text := range given {
		route, ok := parseRoute(text)
		if !ok {
			e.wrong("PRACK_ROUTES", text, "shop.example.com/cart, /api, *.a.com/ or GET,HEAD shop.example.com/cart")
		}
		routes = append(routes, route)
	}
	return routes
}

// splitRoutes tells the commas between routes from those between methods, which a space follows.
func splitRoutes(text string) (routes []string) {
	before := ""
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		if methods.MatchString(part) {
			before += part + ","
		} else if part != "" {
			routes = append(routes, before+part)
			before = ""
		}
	}
	if before != "" {
		routes = append(routes, strings.TrimSuffix(before, ",")+" ")
	}
	return routes
}

// parseRoute reads `[METHODS ]host/path`; `*` or nothing stands for any host.
func parseRoute(text string) (*pb.Route, bool) {
	names, place := "", text
	if i := strings.LastIndex(text, " "); i >= 0 {
		names, place = text[:i], text[i+1:]
	}
	before, after, slash := strings.Cut(place, "/")
	route := &pb.Route{Host: strings.ToLower(before)}
	if before == "*" {
		route.Host = ""
	}
	if slash {
		route.Path = strings.TrimRight("/"+after, "/")
	}
	for _, name := range strings.Split(names, ",") {
		if name = strings.TrimSpace(name); name != "" {
			route.Methods = append(route.Methods, name)
		}
	}
	ok := place != "" && (route.Host == "" || host.MatchString(route.Host)) &&
		(route.Path == "" || path.MatchString(route.Path))
	for _, name := range route.Methods {
		ok = ok && method.MatchString(name)
	}
	return route, ok
}

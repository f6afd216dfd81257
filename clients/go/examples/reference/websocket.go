package main

import (
	"net/http"

	"github.com/gorilla/websocket"
)

var upgrader = websocket.Upgrader{Subprotocols: []string{"kit"}, CheckOrigin: func(*http.Request) bool { return true }}

// webSocket echoes until it is told "bye".
func webSocket(w http.ResponseWriter, r *http.Request, _ string) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		kind, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if string(data) == "bye" {
			conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4000, "done"))
			return
		}
		if conn.WriteMessage(kind, data) != nil {
			return
		}
	}
}

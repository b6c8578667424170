// The page of bench/ as one writes it for Go: net/http/fcgi, and gorilla/sessions with files.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"

	"github.com/gorilla/sessions"
)

const text = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Session test, Go</title></head>
<body>
<p id="session-id">My session id: %.32s</p>
<p id="visits">Number of visits: %d</p>
<p id="events">Number of Click Events: 0</p>
<p>This page has no style and no script. It counts a visit, and is for measuring what a session costs: its size is that of the page
that the empty responder gives, some five hundred octets. . . . . . . . . . . . . . .</p>
</body>
</html>
`

func main() {
	store := sessions.NewFilesystemStore(os.Getenv("BENCH_FOLDER"), []byte(os.Getenv("SECRET_KEY")))
	listener, err := net.FileListener(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	page := func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "sid")
		visits, _ := session.Values["visits"].(int)
		session.Values["visits"] = visits + 1
		if err := session.Save(r, w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		body := fmt.Sprintf(text, session.ID, visits+1)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		fmt.Fprint(w, body)
	}
	log.Fatal(fcgi.Serve(listener, http.HandlerFunc(page)))
}

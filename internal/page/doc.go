// Package page is the status page of a running sink: one HTML page, drawn on the server, that needs neither JavaScript nor anything from
// elsewhere.
//
// A request asks no server. What the process itself knows (Config.Look) is asked at once, because it costs nothing; throughput and lag are
// sampled by Run into a ring of fixed size; what only PostgreSQL knows (Config.Stored) is read by Run in the background, with a time limit,
// while somebody looks at the page, and is shown with its age. So the page answers just as fast while PostgreSQL or Kafka are away.
//
// Everything that comes from records or servers is untrusted: view.go makes it printable, html/template escapes it.
package page

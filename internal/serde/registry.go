package serde

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"ridesink/schema"
)

// registry.go: schemas by their ids. A schema never changes under its id, so each is asked for and compiled once in a process. An id that the
// registry does not know makes a bad record; a registry that does not answer makes nobody's record bad: it is waited for.

const (
	// maxAnswer bounds an answer of the registry.
	maxAnswer = 2 << 20
	// maxSchema is the longest schema that is compiled, with those that it refers to: with 2 MiB of nested messages the compiler of Protobuf takes 14 s.
	maxSchema = 256 << 10
	// maxSchemas is how many schemas, and how many unknown ids, are remembered: more of them are asked for again.
	maxSchemas = 10_000
	// unknownFor is how long an id that the registry does not know is not asked for again.
	unknownFor = 30 * time.Second
	// attempts is how often a question is asked before the registry counts as away, with waits that double from retryWait.
	attempts  = 3
	retryWait = 50 * time.Millisecond
	// maxReferences bounds the schemas that one schema refers to, directly and through others.
	maxReferences = 100
)

// Registry is a Schema Registry. Safe for concurrent use. Use NewRegistry.
type Registry struct {
	client *sr.Client
	url    string // without a login, for errors

	mu sync.Mutex
	// guarded by mu:
	known   map[int]transcoder
	unknown map[int]unknownID
}

// unknownID is an id for which there is no schema that can be used.
type unknownID struct {
	until time.Time
	bad   *schema.DecodeError
}

// UnavailableError says that the registry cannot be asked at the moment: it is away, refuses the login, or is something else. No record is
// to blame, and the same question can be asked again.
type UnavailableError struct {
	URL string
	Err error
}

// Error says where, why and what to do.
func (e *UnavailableError) Error() string {
	return fmt.Sprintf("the schema registry at %s does not answer as expected: start it, or see --schema-registry-url and its login (%v)", e.URL, e.Err)
}

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

// registered is a schema as the registry has it (Confluent Schema Registry, API reference, GET /schemas/ids/{id}).
type registered struct {
	Text       string               `json:"schema"`
	Type       string               `json:"schemaType"` // none: Avro
	References []sr.SchemaReference `json:"references"`

	all []reference // to which it refers, directly and through others, each behind those that it refers to itself
}

// bytes counts the text of the schema and of those that it refers to.
func (s *registered) bytes() int {
	n := len(s.Text)
	for _, r := range s.all {
		n += len(r.text)
	}
	return n
}

// reference is a schema that another refers to by a name: a file that it imports, or a type.
type reference struct{ name, text string }

// What makes a schema one that is not used, whatever it says.
var (
	errTooManyReferences = fmt.Errorf("it refers to more than %d schemas", maxReferences)
	errLongSchema        = errors.New("it is longer than 256 KiB")
)

// Check asks the registry once whether it is there. Its error is an *UnavailableError.
func (r *Registry) Check(ctx context.Context) error {
	var types []string
	if err := r.client.Do(ctx, http.MethodGet, "/schemas/types", nil, &types); err != nil {
		return r.unavailable(err)
	}
	return nil
}

// transcoder returns what reads values of a schema. Its errors are a *schema.DecodeError where there is no such schema, or none that can be
// read, and an *UnavailableError.
func (r *Registry) transcoder(ctx context.Context, id int) (transcoder, error) {
	r.mu.Lock()
	found, known := r.known[id]
	missing, asked := r.unknown[id]
	r.mu.Unlock()
	switch {
	case known:
		return found, nil
	case asked && time.Now().Before(missing.until):
		return nil, missing.bad
	}
	s, err := r.ask(ctx, "/schemas/ids/"+strconv.Itoa(id))
	if notFound(err) {
		return nil, r.forget(id, fmt.Sprintf("the schema registry has no schema with the id %d", id))
	}
	if err == nil {
		err = r.follow(ctx, &s, s.References, map[string]bool{})
	}
	var tooLong *http.MaxBytesError
	switch {
	case notFound(err), errors.Is(err, errTooManyReferences), errors.Is(err, errLongSchema), errors.As(err, &tooLong):
		return nil, r.unusable(id, err)
	case err != nil:
		return nil, r.unavailable(err)
	}
	if found, err = compile(context.WithoutCancel(ctx), s); err != nil { // a stop is no fault of the schema
		return nil, r.unusable(id, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= maxSchemas {
		clear(r.known)
	}
	r.known[id] = found
	return found, nil
}

// forget notes an id without a usable schema.
func (r *Registry) forget(id int, why string) *schema.DecodeError {
	bad := problem(schema.ReasonUnknownSchema, why)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.unknown) >= maxSchemas {
		clear(r.unknown)
	}
	r.unknown[id] = unknownID{until: time.Now().Add(unknownFor), bad: bad}
	return bad
}

// unusable notes an id whose schema is there, and of no use.
func (r *Registry) unusable(id int, err error) *schema.DecodeError {
	return r.forget(id, fmt.Sprintf("the schema with the id %d cannot be used: %v", id, err))
}

// ask asks for a schema, again where the trouble may be over by then.
func (r *Registry) ask(ctx context.Context, path string) (s registered, err error) {
	for attempt := 1; ; attempt++ {
		if err = r.client.Do(ctx, http.MethodGet, path, nil, &s); !passing(err) || attempt == attempts {
			return s, err
		}
		timer := time.NewTimer(retryWait << (attempt - 1))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return s, context.Cause(ctx)
		}
	}
}

// passing says that the same question may have another answer soon: nothing answered, or a server in trouble.
func passing(err error) bool {
	var answer *sr.ResponseError
	if errors.As(err, &answer) {
		return answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests
	}
	var network *url.Error
	return errors.As(err, &network)
}

// follow asks for references of s, those that they refer to first.
func (r *Registry) follow(ctx context.Context, s *registered, references []sr.SchemaReference, seen map[string]bool) error {
	if s.bytes() > maxSchema {
		return errLongSchema
	}
	for _, ref := range references {
		if seen[ref.Name] {
			continue
		}
		if seen[ref.Name] = true; len(seen) > maxReferences {
			return errTooManyReferences
		}
		found, err := r.ask(ctx, "/subjects/"+url.PathEscape(ref.Subject)+"/versions/"+strconv.Itoa(ref.Version))
		if err != nil {
			return fmt.Errorf("ask for %s, version %d, to which it refers: %w", ref.Subject, ref.Version, err)
		}
		if err := r.follow(ctx, s, found.References, seen); err != nil {
			return err
		}
		if s.all = append(s.all, reference{name: ref.Name, text: found.Text}); s.bytes() > maxSchema {
			return errLongSchema
		}
	}
	return nil
}

// Codes of errors with which registries say that there is no such subject, version or schema (Confluent Schema Registry, API reference). A plain
// 404 may be another server's.
const (
	subjectNotFound = 40401
	versionNotFound = 40402
	schemaNotFound  = 40403
)

func notFound(err error) bool {
	var answer *sr.ResponseError
	if !errors.As(err, &answer) || answer.StatusCode != http.StatusNotFound {
		return false
	}
	return answer.ErrorCode == subjectNotFound || answer.ErrorCode == versionNotFound || answer.ErrorCode == schemaNotFound
}

// unavailable wraps what the client says. An answer that is no JSON may be a page of anything: only its status is told.
func (r *Registry) unavailable(err error) *UnavailableError {
	var answer *sr.ResponseError
	var network *url.Error
	if errors.As(err, &network) {
		err = network.Err // the URL is told already
	}
	if errors.As(err, &answer) {
		err = errors.New(answered(answer))
	}
	return &UnavailableError{URL: r.url, Err: err}
}

// answered tells the status of an answer, and the registry's own code.
func answered(answer *sr.ResponseError) string {
	text := fmt.Sprintf("it answers %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	if answer.ErrorCode != 0 {
		text = fmt.Sprintf("%s, error code %d", text, answer.ErrorCode)
	}
	return text
}

// refusals are the answers with which a registry refuses a schema itself: not compatible with those of the subject, or not valid to it.
func refusals() []int { return []int{http.StatusConflict, http.StatusUnprocessableEntity} }

// bounded is a transport whose answers end with an error after maxAnswer bytes.
type bounded struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(request)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{http.MaxBytesReader(nil, answer.Body, maxAnswer), answer.Body}
	}
	return answer, err
}

package localenv

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
)

// registry.go runs a real Schema Registry: Apicurio, which answers as Confluent's does. Where it comes from: registry_fetch.go.

// Registry is a Schema Registry of our own, without a password. It is for one goroutine at a time. Its owner calls Stop.
type Registry struct {
	java, jar string
	dir       string
	guard     *guard
	port      *port
	process   *process
}

// StartRegistry starts a registry without schemas and returns when it answers, after about 4 s. The first time it fetches 109 MB. It returns ErrNoJava
// where that is what is missing. ctx bounds the start, not the registry's life.
func StartRegistry(ctx context.Context) (_ *Registry, err error) {
	r := &Registry{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start the Schema Registry: %w", err), r.Stop())
		}
	}()
	if r.java, err = FindJava(ctx); err != nil {
		return nil, err
	}
	if r.jar, err = fetchRegistry(ctx); err != nil {
		return nil, err
	}
	if r.dir, err = os.MkdirTemp("", "ridesink-registry-"); err != nil {
		return nil, fmt.Errorf("make a temporary directory: %w", err)
	}
	if r.guard, err = newGuard(r.dir); err != nil {
		return nil, err
	}
	for range 3 { // a stranger may take the port
		r.port.release()
		if r.port, err = reservePort(); err != nil {
			return nil, err
		}
		if err = r.launch(ctx); !errors.Is(err, errExited) {
			break
		}
	}
	return r, err
}

// launch starts the registry on its port and returns when it answers.
func (r *Registry) launch(ctx context.Context) (err error) {
	r.process, err = startProcess(r.guard, launch{
		path: r.java, dir: r.dir, env: os.Environ(), log: filepath.Join(r.dir, "log"), lastSignal: "KILL",
		args: []string{
			"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.io.tmpdir=" + r.dir,
			"-Dquarkus.http.host=127.0.0.1", "-Dquarkus.http.port=" + strconv.Itoa(r.port.number),
			// In a file, and there before the answer: what was registered is there again after Kill and Start, under the same id.
			"-Dapicurio.storage.kind=sql", "-Dapicurio.storage.sql.kind=h2", "-Dapicurio.datasource.url=jdbc:h2:file:" + filepath.Join(r.dir, "schemas") + ";WRITE_DELAY=0",
			"-jar", r.jar,
		},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("waited %s", startPatience))
	defer cancel()
	return r.process.waitFor(ctx, r.answers)
}

// answers returns nil if the registry lists its subjects.
func (r *Registry) answers(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL()+"/subjects", http.NoBody)
	if err != nil {
		return err
	}
	request.Close = true // leave no connection, which would be a goroutine
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if err := answer.Body.Close(); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", answer.Status)
	}
	return nil
}

// URL is what clients of Confluent's registry are given.
func (r *Registry) URL() string { return "http://" + r.port.address() + "/apis/ccompat/v7" }

// Kill ends the registry with SIGKILL. Start brings it back.
func (r *Registry) Kill() { r.process.kill() }

// Start brings the registry back after Kill, with the same address, schemas and ids, and returns when it answers.
func (r *Registry) Start(ctx context.Context) error {
	if err := r.launch(ctx); err != nil {
		return fmt.Errorf("start the Schema Registry again: %w", err)
	}
	return nil
}

// Stop ends the registry and removes its files. A second call does nothing.
func (r *Registry) Stop() error {
	if r.guard == nil {
		return nil
	}
	if r.process != nil {
		r.process.kill() // nobody will read its files again
	}
	r.port.release()
	err := r.guard.end()
	r.guard = nil
	return err
}

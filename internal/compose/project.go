package compose

import (
	"context"
	"fmt"
	"slices"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// project.go: from the file to services with commands and environments.

// SinkImage is the image that the file builds from this repository.
const SinkImage = "ridesink"

// Load reads a file as `docker compose` would with these profiles, and with these NAME=value as its .env. The environment and a
// .env file of this machine do not count.
func Load(ctx context.Context, file string, env []string, profiles ...string) (*types.Project, error) {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithEnv(env), cli.WithProfiles(profiles))
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", file, err)
	}
	project, err := options.LoadProject(ctx)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", file, err)
	}
	return project, nil
}

// Service is a service that runs the sink.
type Service struct {
	Name string
	Args []string          // what follows the image's entry point
	Env  map[string]string // what the file sets
}

// Sinks are the services of a project that run the sink, each after those that it depends on.
func Sinks(project *types.Project) (sinks []Service, err error) {
	err = project.ForEachService(project.ServiceNames(), func(name string, s *types.ServiceConfig) error {
		if s.Image == SinkImage {
			env := map[string]string{}
			for name, value := range s.Environment {
				if value == nil {
					return fmt.Errorf("service %s: %s has no value in the file", s.Name, name)
				}
				env[name] = *value
			}
			sinks = append(sinks, Service{Name: name, Args: slices.Clone(s.Command), Env: env})
		}
		return nil
	})
	return sinks, err
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ridesink.go: the sink itself, as a user would start it: no setting but where things are.

func ridesink() *peer {
	var binary string
	return &peer{
		name:    "ridesink",
		title:   "ridesink",
		setting: "`sink backfill`, no settings; 27 columns, with topic, partition and offset of each row; money is `numeric`",
		ends:    true,
		fetch: func(ctx context.Context, s *servers) error {
			binary = filepath.Join(s.dir, "sink")
			c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", binary, "ridesink/cmd/sink")
			c.Env = append(os.Environ(), "CGO_ENABLED=0")
			if out, err := c.CombinedOutput(); err != nil {
				return fmt.Errorf("build the sink: %w (it is built in the project's directory):\n%s", err, out)
			}
			return nil
		},
		prepare: func(ctx context.Context, s *servers, t *turn) error {
			c := exec.CommandContext(ctx, binary, "migrate", "up")
			c.Env = append(os.Environ(), "DATABASE_URL="+s.databaseURL("search_path", t.peer.name))
			if out, err := c.CombinedOutput(); err != nil {
				return fmt.Errorf("sink migrate up: %w:\n%s", err, out)
			}
			return nil
		},
		command: func(s *servers, t *turn) (*exec.Cmd, error) {
			c := exec.Command(binary, "backfill", "--json", //nolint:noctx // startProcess owns it
				"--brokers="+strings.Join(s.brokers, ","), "--topics="+t.topic.name, "--group="+t.group)
			c.Env = append(os.Environ(), "DATABASE_URL="+s.databaseURL("search_path", t.peer.name))
			return c, nil
		},
	}
}

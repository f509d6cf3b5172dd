package migrations

import (
	"testing"

	"ridesink/internal/localenv"
)

// What bounds a migration is set on its session, also where the connection string says nothing: golang-migrate's own limit does not reach the server.
func TestEverySessionBoundsItsWaitForLocks(t *testing.T) {
	t.Parallel()
	s, err := open(t.Context(), localenv.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for setting, want := range map[string]string{"lock_timeout": "10s", "idle_in_transaction_session_timeout": "1min"} {
		var got string
		if err := s.db.QueryRowContext(t.Context(), "SELECT current_setting($1)", setting).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", setting, got, err, want)
		}
	}
}

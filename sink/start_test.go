package sink

import "testing"

func TestParseStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario, in, want string
		fails              bool
	}{
		{scenario: "nothing means the log start offset", in: "", want: "earliest"},
		{scenario: "earliest, in any case", in: "Earliest", want: "earliest"},
		{scenario: "latest", in: "latest", want: "latest"},
		{scenario: "what the group has committed in Kafka", in: "committed", want: "committed"},
		{scenario: "an offset", in: "4200", want: "4200"},
		{scenario: "a time with its zone", in: "2020-07-01T00:00:00-04:00", want: "2020-07-01T00:00:00-04:00"},
		{scenario: "a negative offset is none", in: "-1", fails: true},
		{scenario: "a time without a zone could be anywhere", in: "2020-07-01T00:00:00", fails: true},
		{scenario: "a word that nobody knows", in: "beginning", fails: true},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			got, err := ParseStart(c.in)
			if c.fails {
				if err == nil {
					t.Fatalf("ParseStart(%q) = %v, want an error", c.in, got)
				}
				return
			}
			if err != nil || got.String() != c.want {
				t.Fatalf("ParseStart(%q) = %v, %v, want %s", c.in, got, err, c.want)
			}
		})
	}
}

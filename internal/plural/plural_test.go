package plural

import "testing"

func TestOf(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 dead letters are", 1: "1 dead letter is", 2: "2 dead letters are", 11: "11 dead letters are", 21: "21 dead letters are"} {
		if got := Of(n, "dead letter") + " " + Either(n, "is", "are"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

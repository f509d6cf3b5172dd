package servers

import "testing"

func TestParsePlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Place{
		"3": {Partition: 3}, "rides/0": {"rides", 0}, "a/b/12": {"a/b", 12}, "a.b-c_d/2147483647": {"a.b-c_d", 2147483647},
	} {
		if got, err := ParsePlace(text); err != nil || got != want {
			t.Errorf("ParsePlace(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "/3", "rides/", "rides/-1", "-1", "+1", "rides/2147483648", "rides"} {
		if got, err := ParsePlace(text); err == nil {
			t.Errorf("ParsePlace(%q) = %v, want an error", text, got)
		}
	}
}

package servers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ridesink/internal/localenv"
)

// TestTLSFilesCheck holds: files and PEM text are the same; what is wrong with either is said before anything is dialed, and a key is never shown.
func TestTLSFilesCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	authority, err := localenv.NewAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names [2]string
	for i := range names {
		if names[i], err = authority.Issue([]string{"one", "two"}[i], time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	text := func(path string) string {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	one, two := names[0], names[1]
	certificate, _, _ := strings.Cut(text(two), "-----BEGIN PRIVATE")
	for scenario, test := range map[string]struct {
		tls  TLSFiles
		want string
	}{
		"nothing":              {TLSFiles{}, ""},
		"files":                {TLSFiles{CA: authority.CA(), Cert: one, Key: one}, ""},
		"text":                 {TLSFiles{CA: text(authority.CA()), Cert: text(one), Key: text(one)}, ""},
		"no such file":         {TLSFiles{CA: filepath.Join(dir, "none")}, "--kafka-ca-file"},
		"a file of other text": {TLSFiles{CA: "kafka.go"}, "holds no certificate"},
		"a key of another":     {TLSFiles{Cert: one, Key: text(two)[len(certificate):]}, "no pair"},
		"no key":               {TLSFiles{Cert: one, Key: authority.CA()}, "no pair"},
		"half a pair":          {TLSFiles{Cert: one}, "belong together"},
		"an encrypted key":     {TLSFiles{Cert: one, Key: "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE\n-----END ENCRYPTED PRIVATE KEY-----\n"}, "openssl pkcs8"},
	} {
		test.tls.Option = "--kafka"
		err := test.tls.Check()
		switch {
		case (err == nil) != (test.want == ""), err != nil && !strings.Contains(err.Error(), test.want):
			t.Errorf("%s: %v, want %q", scenario, err, test.want)
		case err != nil && strings.Contains(err.Error(), "MI"):
			t.Errorf("%s: the error shows what is in a file: %v", scenario, err)
		}
	}
}

package localenv

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMirrorOfCentral(t *testing.T) {
	t.Setenv("MIRROR_HOST", "mirror.example")
	mirror := func(of, url string) string {
		return "<settings><mirrors><mirror><id>m</id><mirrorOf>" + of + "</mirrorOf><url>" + url + "</url></mirror></mirrors></settings>"
	}
	for _, s := range []struct{ scenario, settings, want string }{
		{"a mirror of central", mirror("central", "https://a.example/maven/"), "https://a.example/maven"},
		{"a mirror of everything", mirror("*", "https://a.example"), "https://a.example"},
		{"a mirror of all but central", mirror("*,!central", "https://a.example"), ""},
		{"a mirror of something else", mirror("jboss", "https://a.example"), ""},
		{"a mirror whose URL has a variable", mirror("external:*, !internal", "https://${env.MIRROR_HOST}/m"), "https://mirror.example/m"},
		{"settings without mirrors", "<settings/>", ""},
		{"no XML", "nonsense", ""},
	} {
		if got := mirrorOfCentral([]byte(s.settings)); got != s.want {
			t.Errorf("%s: %q, want %q", s.scenario, got, s.want)
		}
	}
}

// TestMavenArguments holds: the user's settings are left alone; without any, the repository that the environment names is passed on.
func TestMavenArguments(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("RIDESINK_MAVEN_REPOSITORY", "https://a.example/maven/")
	args, err := mavenArguments(t.TempDir())
	if err != nil || len(args) != 2 {
		t.Fatalf("arguments %q (%v), want a settings file", args, err)
	}
	settings, err := os.ReadFile(args[1])
	if err != nil {
		t.Fatal(err)
	}
	if got := mirrorOfCentral(settings); got != "https://a.example/maven" {
		t.Errorf("the mirror is %q in %s", got, settings)
	}

	t.Setenv("RIDESINK_MAVEN_REPOSITORY", "")
	if err := os.Mkdir(filepath.Join(home, ".m2"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mavenSettings(), []byte("<settings/>"), 0o600); err != nil {
		t.Fatal(err)
	}
	if args, err := mavenArguments(t.TempDir()); err != nil || len(args) != 0 {
		t.Errorf("with settings of the user: arguments %q (%v), want none", args, err)
	}
	if got := mavenRepository(); got != mavenCentral {
		t.Errorf("the repository is %q, want Maven Central", got)
	}
}

func TestSettingsForProxy(t *testing.T) {
	t.Parallel()
	settings, err := settingsFor(mavenCentral, "http://me:secret@proxy.example:3128")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<protocol>http</protocol>", "<host>proxy.example</host>", "<port>3128</port>", "<username>me</username>", "<password>secret</password>"} {
		if !strings.Contains(string(settings), want) {
			t.Errorf("no %s in %s", want, settings)
		}
	}
	if strings.Contains(string(settings), "mirror>") {
		t.Errorf("Maven Central is no mirror: %s", settings)
	}
}

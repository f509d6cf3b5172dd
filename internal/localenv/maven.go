package localenv

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// maven.go: from where and through what Maven's artifacts come: the usual settings of Maven and of the shell, none of which need exist.

const mavenCentral = "https://repo1.maven.org/maven2"

// mavenRepository is RIDESINK_MAVEN_REPOSITORY, else the mirror of Maven Central in the user's Maven settings, else Maven Central.
func mavenRepository() string {
	if given := os.Getenv("RIDESINK_MAVEN_REPOSITORY"); given != "" {
		return strings.TrimRight(given, "/")
	}
	settings, err := os.ReadFile(mavenSettings())
	if err != nil {
		return mavenCentral
	}
	if mirror := mirrorOfCentral(settings); mirror != "" {
		return mirror
	}
	return mavenCentral
}

// mavenSettings is where Maven looks for the user's settings, "" without a home.
func mavenSettings() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".m2", "settings.xml")
}

// environmentReference is how Maven's settings refer to a variable.
var environmentReference = regexp.MustCompile(`\$\{env\.([A-Za-z0-9_]+)\}`)

// mirrorOfCentral returns the URL of the first mirror that stands for Maven Central, or "".
func mirrorOfCentral(settings []byte) string {
	var s struct {
		Mirrors []struct {
			Of  string `xml:"mirrorOf"`
			URL string `xml:"url"`
		} `xml:"mirrors>mirror"`
	}
	if xml.Unmarshal(settings, &s) != nil {
		return "" // Maven will say what is wrong with it
	}
	for _, m := range s.Mirrors {
		of := strings.Split(strings.ReplaceAll(m.Of, " ", ""), ",")
		if slices.Contains(of, "!central") || !slices.ContainsFunc(of, func(s string) bool { return s == "*" || s == "central" || s == "external:*" }) {
			continue
		}
		u := environmentReference.ReplaceAllStringFunc(strings.TrimSpace(m.URL), func(ref string) string {
			return os.Getenv(environmentReference.FindStringSubmatch(ref)[1])
		})
		return strings.TrimRight(u, "/")
	}
	return ""
}

// mavenArguments make Maven use what was said outside its own settings. Maven knows no HTTPS_PROXY; where the user has no settings file, one is
// written into dir that says it.
func mavenArguments(dir string) ([]string, error) {
	if _, err := os.Stat(mavenSettings()); err == nil && os.Getenv("RIDESINK_MAVEN_REPOSITORY") == "" {
		return nil, nil // the user's own settings are what counts
	}
	proxy, err := proxyFor(mavenRepository())
	if err != nil {
		return nil, err
	}
	settings, err := settingsFor(mavenRepository(), proxy)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "settings.xml")
	if err := os.WriteFile(path, settings, 0o600); err != nil {
		return nil, fmt.Errorf("write settings for Maven: %w", err)
	}
	return []string{"--settings", path}, nil
}

// proxyFor returns the proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name for a repository, or "".
func proxyFor(repository string) (string, error) {
	u, err := url.Parse(repository)
	if err != nil {
		return "", errors.New("RIDESINK_MAVEN_REPOSITORY is no URL such as https://repo1.maven.org/maven2")
	}
	through, err := http.ProxyFromEnvironment(&http.Request{URL: u})
	if err != nil || through == nil {
		return "", err
	}
	return through.String(), nil
}

// settingsFor are Maven's settings for a repository, and for the proxy to reach it through if there is one.
func settingsFor(repository, proxyURL string) ([]byte, error) {
	type mirror struct {
		ID  string `xml:"id"`
		Of  string `xml:"mirrorOf"`
		URL string `xml:"url"`
	}
	type proxy struct {
		ID       string `xml:"id"`
		Active   bool   `xml:"active"`
		Protocol string `xml:"protocol"`
		Host     string `xml:"host"`
		Port     string `xml:"port"`
		Username string `xml:"username,omitempty"`
		Password string `xml:"password,omitempty"`
	}
	settings := struct {
		XMLName xml.Name `xml:"settings"`
		Mirrors []mirror `xml:"mirrors>mirror"`
		Proxies []proxy  `xml:"proxies>proxy"`
	}{}
	if repository != mavenCentral {
		settings.Mirrors = append(settings.Mirrors, mirror{ID: "ridesink", Of: "central", URL: repository})
	}
	if proxyURL != "" {
		through, err := url.Parse(proxyURL)
		if err != nil {
			return nil, errors.New("the proxy in HTTPS_PROXY is no URL such as http://proxy.example:3128")
		}
		// Maven takes a proxy of protocol http for repositories of https too.
		p := proxy{ID: "environment", Active: true, Protocol: "http", Host: through.Hostname(), Port: through.Port(), Username: through.User.Username()}
		p.Password, _ = through.User.Password()
		if p.Port == "" {
			p.Port = map[string]string{"http": "80", "https": "443"}[through.Scheme]
		}
		settings.Proxies = append(settings.Proxies, p)
	}
	return xml.MarshalIndent(settings, "", "  ")
}

package localenv

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
)

// registry_fetch.go gets the Schema Registry from Maven Central. Not through Maven: the artifact's project names a parent that was never
// published, and Maven takes nothing without it.

const (
	// RegistryVersion is the Apicurio Registry that StartRegistry runs: the last one for Java 17.
	RegistryVersion = "3.0.9"

	registryName   = "apicurio-registry-app-" + RegistryVersion
	registryPath   = "io/apicurio/apicurio-registry-app/" + RegistryVersion + "/" + registryName + "-all.tar.gz"
	registrySHA256 = "2b28181501a20cbf6efcd77f9b7153908fc01f3d3a7c32024c0bd9e1b04c8a43"
)

// fetchRegistry returns the jar to run, beside which is what it needs. It is fetched once for this user: 109 MB.
func fetchRegistry(ctx context.Context) (string, error) {
	dir, err := cached(ctx, registryName, func(dir string) error {
		if err := unpackRegistry(ctx, dir); err != nil {
			return fmt.Errorf("fetch %s from %s: %w: check the connection (HTTPS_PROXY names a proxy, RIDESINK_MAVEN_REPOSITORY or a <mirror> in "+
				"~/.m2/settings.xml another repository)", registryName, mavenRepository(), err)
		}
		return nil
	})
	return filepath.Join(dir, registryName+"-runner.jar"), err
}

// unpackRegistry downloads the archive and, if it is the one that is meant, unpacks it into dir.
func unpackRegistry(ctx context.Context, dir string) error {
	archive, err := os.CreateTemp(dir, "archive-")
	if err != nil {
		return err
	}
	defer os.Remove(archive.Name()) //nolint:errcheck // in a directory that is removed or, at worst, has a useless file more
	defer archive.Close()           //nolint:errcheck // it was read
	sum := sha256.New()
	if err := download(ctx, mavenRepository()+"/"+registryPath, io.MultiWriter(archive, sum)); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != registrySHA256 {
		return fmt.Errorf("it has the SHA-256 %s, not %s", got, registrySHA256)
	}
	if _, err := archive.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return untar(archive, dir)
}

// download writes what is at a URL.
func download(ctx context.Context, url string, to io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	request.Close = true // leave no connection, which would be a goroutine
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end, or worthless
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the repository answers %s", answer.Status)
	}
	_, err = io.Copy(to, answer.Body)
	return err
}

// untar unpacks the files and directories of a tar.gz below dir.
func untar(archive io.Reader, dir string) error {
	unzipped, err := gzip.NewReader(archive)
	if err != nil {
		return err
	}
	for entries := tar.NewReader(unzipped); ; {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !filepath.IsLocal(entry.Name) {
			return fmt.Errorf("%q is not below its directory", entry.Name)
		}
		path := filepath.Join(dir, entry.Name)
		if entry.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o755)
		} else {
			err = writeFile(path, entries)
		}
		if err != nil {
			return err
		}
	}
}

// writeFile writes a file, and the directory that it is in.
func writeFile(path string, content io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}

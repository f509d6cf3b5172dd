package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/alecthomas/kong"

	"ridesink/internal/plural"
)

// kafka_file.go: --kafka-config, a client.properties with the names of Java's client or of librdkafka, read as if each name was a flag of ours. After it
// kafka_options.go.

// kafkaFile is what a file says.
type kafkaFile struct {
	flags      map[string]string // by the name of the flag
	clientID   string
	extensions map[string]string // beside a token
	ignored    []string          // names that mean nothing to us
}

// kafkaFileBytes is more than any such file has.
const kafkaFileBytes = 1 << 20

// readKafkaFile reads a file. Its errors show no value.
func readKafkaFile(path string) (*kafkaFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--kafka-config: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(f, kafkaFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("--kafka-config: %w", err)
	}
	if len(content) > kafkaFileBytes {
		return nil, fmt.Errorf("--kafka-config: %s is larger than %d bytes: it is no file of properties", path, kafkaFileBytes)
	}
	file, err := parseKafkaFile(content)
	if err != nil {
		return nil, fmt.Errorf("--kafka-config: %s: %w", path, err)
	}
	return file, nil
}

// parseKafkaFile reads properties and gives them our names.
func parseKafkaFile(content []byte) (*kafkaFile, error) {
	all, err := parseProperties(string(content))
	if err != nil {
		return nil, err
	}
	t := translation{left: all, file: &kafkaFile{flags: map[string]string{}, extensions: map[string]string{}}}
	t.connection()
	t.protocol()
	strange := 0
	for name := range t.left {
		if !looksLikeSetting(name) {
			strange++ // perhaps the second half of a password
			continue
		}
		t.file.ignored = append(t.file.ignored, name)
	}
	slices.Sort(t.file.ignored)
	if strange > 0 {
		t.file.ignored = append(t.file.ignored, plural.Of(int64(strange), "line")+" without the name of a setting")
	}
	return t.file, errors.Join(t.faults...)
}

// looksLikeSetting reports whether name is like the names of Kafka's settings: words with dots between, or one of those without.
func looksLikeSetting(name string) bool {
	strange := strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789._-", r) })
	return slices.Contains([]string{"acks", "retries", "debug"}, name) || strings.Contains(name, ".") && !strange && len(name) < 100
}

// translation turns properties into flags. What is left of the properties at the end means nothing to us.
type translation struct {
	left   map[string]string
	file   *kafkaFile
	faults []error
}

// take returns the first of names that is set, and takes all of them away.
func (t *translation) take(names ...string) string {
	found := ""
	for _, name := range names {
		if value := strings.TrimSpace(t.left[name]); found == "" {
			found = value
		}
		delete(t.left, name)
	}
	return found
}

// flag gives the first of names that is set to a flag.
func (t *translation) flag(flag string, names ...string) {
	if value := t.take(names...); value != "" {
		t.file.flags[flag] = value
	}
}

func (t *translation) fault(err error) { t.faults = append(t.faults, err) }

// connection takes what has nothing to do with who we are.
func (t *translation) connection() {
	if brokers := t.take("bootstrap.servers", "metadata.broker.list"); brokers != "" {
		list := strings.FieldsFunc(brokers, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
		for i, broker := range list {
			if _, address, found := strings.Cut(broker, "://"); found { // Java's SASL_SSL://HOST:PORT
				list[i] = address
			}
		}
		t.file.flags["brokers"] = strings.Join(list, ",")
	}
	if t.file.clientID = t.take("client.id"); len(t.file.clientID) > 249 {
		t.fault(errors.New("client.id is longer than 249 bytes"))
	}
	t.flag("group", "group.id")
	if session := t.take("session.timeout.ms"); session != "" {
		t.file.flags["session-timeout"] = session + "ms"
	}
}

// protocol takes security.protocol and what that makes necessary. Without TLS, or without a login, the settings of either mean nothing, as in Java.
func (t *translation) protocol() {
	name := strings.ToUpper(t.take("security.protocol"))
	switch name {
	case "", "PLAINTEXT":
		if name == "" && (t.left["sasl.mechanism"] != "" || t.left["sasl.mechanisms"] != "" || t.left["sasl.jaas.config"] != "") {
			t.fault(errors.New("it has a login and no security.protocol: add security.protocol=SASL_SSL"))
		}
	case "SSL":
		t.tls()
	case "SASL_PLAINTEXT":
		t.login()
	case "SASL_SSL":
		t.tls()
		t.login()
	default:
		t.fault(errors.New("security.protocol is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"))
	}
}

// tls takes certificates.
func (t *translation) tls() {
	t.file.flags["kafka-tls"] = "true"
	for _, text := range []string{"ssl.ca.pem", "ssl.truststore.certificates", "ssl.certificate.pem", "ssl.keystore.certificate.chain", "ssl.key.pem", "ssl.keystore.key"} {
		if value, set := t.left[text]; set && !strings.Contains(value, "-----BEGIN ") { // else it would be taken for the name of a file, and shown as one
			t.fault(fmt.Errorf("%s is no PEM text, which begins with -----BEGIN", text))
			delete(t.left, text)
		}
	}
	t.flag("kafka-ca-file", "ssl.ca.location", "ssl.ca.pem", "ssl.truststore.certificates")
	t.flag("kafka-cert-file", "ssl.certificate.location", "ssl.certificate.pem", "ssl.keystore.certificate.chain")
	t.flag("kafka-key-file", "ssl.key.location", "ssl.key.pem", "ssl.keystore.key")
	if path := t.store("truststore", "keytool -list -rfc -keystore STORE > ca.pem, and ssl.truststore.type=PEM with the name of that file"); path != "" {
		t.file.flags["kafka-ca-file"] = path
	}
	if path := t.store("keystore", "openssl pkcs12 -in STORE -nodes -out client.pem (a JKS first: keytool -importkeystore -srckeystore JKS -destkeystore STORE -deststoretype PKCS12), and ssl.keystore.type=PEM with the name of that file"); path != "" {
		t.file.flags["kafka-cert-file"], t.file.flags["kafka-key-file"] = path, path
	}
	if algorithm, set := t.left["ssl.endpoint.identification.algorithm"]; set && strings.EqualFold(strings.TrimSpace(algorithm), "https") {
		delete(t.left, "ssl.endpoint.identification.algorithm") // what we do; anything else is not done, and named
	}
}

// store takes a Java key store, if it is PEM.
func (t *translation) store(which, convert string) string {
	path, kind := t.take("ssl."+which+".location"), strings.ToUpper(t.take("ssl."+which+".type"))
	if path == "" || kind == "PEM" {
		return path
	}
	t.take("ssl." + which + ".password")
	t.fault(fmt.Errorf("ssl.%s.location is a key store of Java's: turn it into PEM: %s", which, convert))
	return ""
}

// login takes who we are.
func (t *translation) login() {
	t.flag("kafka-sasl-mechanism", "sasl.mechanism", "sasl.mechanisms")
	if t.file.flags["kafka-sasl-mechanism"] == "" {
		t.file.flags["kafka-sasl-mechanism"] = "GSSAPI" // as with Java and librdkafka; kafka_options.go refuses it
	}
	t.flag("kafka-username", "sasl.username")
	t.flag("kafka-password", "sasl.password")
	t.flag("kafka-oauth-url", "sasl.oauthbearer.token.endpoint.url")
	t.flag("kafka-oauth-client-id", "sasl.oauthbearer.client.id", "sasl.oauthbearer.client.credentials.client.id")
	t.flag("kafka-oauth-client-secret", "sasl.oauthbearer.client.secret", "sasl.oauthbearer.client.credentials.client.secret")
	t.flag("kafka-oauth-scope", "sasl.oauthbearer.scope")
	for pair := range strings.SplitSeq(t.take("sasl.oauthbearer.extensions"), ",") {
		if name, value, found := strings.Cut(strings.TrimSpace(pair), "="); found {
			t.file.extensions[name] = value
		}
	}
	text := t.take("sasl.jaas.config")
	if text == "" {
		return
	}
	module, options, err := parseJAAS(text)
	if err != nil {
		t.fault(err)
		return
	}
	switch module[strings.LastIndexByte(module, '.')+1:] {
	case "PlainLoginModule", "ScramLoginModule":
		t.option(options, "kafka-username", "username")
		t.option(options, "kafka-password", "password")
	case "OAuthBearerLoginModule":
		t.option(options, "kafka-oauth-client-id", "clientId")
		t.option(options, "kafka-oauth-client-secret", "clientSecret")
		t.option(options, "kafka-oauth-scope", "scope")
		for name, value := range options {
			if extension, found := strings.CutPrefix(name, "extension_"); found {
				t.file.extensions[extension] = value
				delete(options, name)
			}
		}
	default:
		t.fault(errors.New("sasl.jaas.config is of none of PlainLoginModule, ScramLoginModule, OAuthBearerLoginModule"))
		return
	}
	for name := range options {
		if len(name) < 40 && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && r != '_' }) {
			t.file.ignored = append(t.file.ignored, "sasl.jaas.config "+name)
		}
	}
}

// option gives an option of a login module to a flag. sasl.username and the like go before it.
func (t *translation) option(options map[string]string, flag, name string) {
	if value, set := options[name]; set && t.file.flags[flag] == "" {
		t.file.flags[flag] = value
	}
	delete(options, name)
}

// parseJAAS reads a login module and its options: org.example.PlainLoginModule required username="u" password="p";
func parseJAAS(text string) (module string, options map[string]string, err error) {
	bad := errors.New(`sasl.jaas.config cannot be read: write it as MODULE required username="NAME" password="PASSWORD";`)
	words, ended := jaasWords(text)
	if !ended || len(words) < 2 || !slices.Contains([]string{"required", "requisite", "sufficient", "optional"}, strings.ToLower(words[1])) || (len(words)-2)%3 != 0 {
		return "", nil, bad
	}
	options = map[string]string{}
	for i := 2; i < len(words); i += 3 {
		if words[i+1] != "=" {
			return "", nil, bad
		}
		options[words[i]] = words[i+2]
	}
	return words[0], options, nil
}

// jaasWords splits text into words, equals signs and what is in quotes. ended says that there was a semicolon and nothing behind it.
func jaasWords(text string) (words []string, ended bool) {
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		switch c := text[0]; c {
		case ';':
			return words, text == ";"
		case '=':
			words, text = append(words, "="), text[1:]
		case '"', '\'':
			word, rest, closed := jaasQuoted(text[1:], c)
			if !closed {
				return nil, false
			}
			words, text = append(words, word), rest
		default:
			end := strings.IndexFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`=;"'`, r) })
			if end < 0 {
				return nil, false
			}
			words, text = append(words, text[:end]), text[end:]
		}
	}
	return nil, false
}

// jaasQuoted returns what stands before the closing quote, without its backslashes, and what follows.
func jaasQuoted(text string, quote byte) (word, rest string, closed bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == quote:
			return b.String(), text[i+1:], true
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		b.WriteByte(text[i])
	}
	return "", "", false
}

// kafkaFileResolver gives flags that are in neither command line nor environment what the file of --kafka-config says. A file that cannot be read is
// kafkaOptions' to tell.
func kafkaFileResolver(parsing *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if _, set := os.LookupEnv(env); set || os.Getenv(env+"_FILE") != "" {
			return nil, nil //nolint:nilnil // kong's way to say: not from here
		}
	}
	for _, other := range parent.Flags {
		if other.Name != "kafka-config" || other == flag {
			continue
		}
		path, _ := parsing.FlagValue(other).(string)
		if path == "" {
			break
		}
		if file, err := readKafkaFile(path); err == nil {
			if value, set := file.flags[flag.Name]; set {
				return value, nil
			}
		}
	}
	return nil, nil //nolint:nilnil // as above
}

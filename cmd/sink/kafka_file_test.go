package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestKafkaFile holds: files of Java's client and of librdkafka become the flags that say the same, and everything else is named.
func TestKafkaFile(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scenario string
		content  string
		flags    map[string]string
		ignored  []string
		fault    string
	}{
		{scenario: "nothing", content: "# a comment\n\n! another\n"},
		{
			scenario: "Confluent Cloud for Java",
			content: "bootstrap.servers=pkc-1.cloud:9092\nsecurity.protocol=SASL_SSL\n" +
				"sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username='KEY' password='SE+/=CRET';\n" +
				"sasl.mechanism=PLAIN\nclient.dns.lookup=use_all_dns_ips\nsession.timeout.ms=45000\nacks=all\nclient.id=ccloud-java\n" +
				"schema.registry.url=https://psrc\nbasic.auth.credentials.source=USER_INFO\n",
			flags: map[string]string{
				"brokers": "pkc-1.cloud:9092", "kafka-tls": "true", "kafka-sasl-mechanism": "PLAIN", "kafka-username": "KEY", "kafka-password": "SE+/=CRET", "session-timeout": "45000ms",
			},
			ignored: []string{"acks", "basic.auth.credentials.source", "client.dns.lookup", "schema.registry.url"},
		},
		{
			scenario: "librdkafka", content: "metadata.broker.list = a:1, b:2 \r\nsecurity.protocol: ssl\r\nssl.ca.location ca.pem\r\nssl.certificate.location=c.pem\r\nssl.key.location=k.pem\r\ngroup.id=g\r\n",
			flags: map[string]string{"brokers": "a:1,b:2", "kafka-tls": "true", "kafka-ca-file": "ca.pem", "kafka-cert-file": "c.pem", "kafka-key-file": "k.pem", "group": "g"},
		},
		{
			scenario: "stores that are PEM",
			content:  "security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location=t.pem\nssl.keystore.type=pem\nssl.keystore.location=k.pem\nssl.endpoint.identification.algorithm=https\n",
			flags:    map[string]string{"kafka-tls": "true", "kafka-ca-file": "t.pem", "kafka-cert-file": "k.pem", "kafka-key-file": "k.pem"},
		},
		{
			scenario: "PEM as text, over several lines", content: "security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.certificates=-----BEGIN CERTIFICATE-----\\n\\\n  abc\\n-----END CERTIFICATE-----\n",
			flags: map[string]string{"kafka-tls": "true", "kafka-ca-file": "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----"},
		},
		{
			scenario: "a login by token",
			content: "security.protocol=SASL_SSL\nsasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url=https://idp/token\n" +
				"sasl.jaas.config=a.OAuthBearerLoginModule required clientId='c' clientSecret=\"s\\\\\"x\" scope='r' extension_logicalCluster='lkc' other='y';\n",
			flags: map[string]string{
				"kafka-tls": "true", "kafka-sasl-mechanism": "OAUTHBEARER", "kafka-oauth-url": "https://idp/token", "kafka-oauth-client-id": "c", "kafka-oauth-client-secret": `s"x`, "kafka-oauth-scope": "r",
			},
			ignored: []string{"sasl.jaas.config other"},
		},
		{
			scenario: "no expansion of what looks like variables", content: "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\nsasl.username=${HOME}\nsasl.password=a${b}c${\n",
			flags: map[string]string{"kafka-sasl-mechanism": "SCRAM-SHA-256", "kafka-username": "${HOME}", "kafka-password": "a${b}c${"},
		},
		{scenario: "settings without meaning for the protocol", content: "security.protocol=PLAINTEXT\nsasl.password=x\nssl.ca.location=y\n", ignored: []string{"sasl.password", "ssl.ca.location"}},
		{scenario: "how Java writes names and values", content: "client.id=a\n  group\\.id \t:\\ g\\u0041\\\n   b\\t\n=nothing\n", flags: map[string]string{"group": "gAb"}, ignored: []string{"1 line without the name of a setting"}},
		{scenario: "names with a protocol", content: "bootstrap.servers=SASL_SSL://a:1\n", flags: map[string]string{"brokers": "a:1"}},
		{scenario: "half of a secret as a name", content: "hunter2secret\nHunter.two=1\n", ignored: []string{"2 lines without the name of a setting"}},
		{scenario: "names that are not checked", content: "security.protocol=SSL\nssl.endpoint.identification.algorithm=\n", flags: map[string]string{"kafka-tls": "true"}, ignored: []string{"ssl.endpoint.identification.algorithm"}},
		{scenario: "no mechanism", content: "security.protocol=SASL_SSL\n", flags: map[string]string{"kafka-tls": "true", "kafka-sasl-mechanism": "GSSAPI"}},
		{scenario: "a JKS", content: "security.protocol=SSL\nssl.truststore.location=/a/t.jks\nssl.truststore.password=x\n", fault: "keytool -list -rfc"},
		{scenario: "a PKCS12", content: "security.protocol=SSL\nssl.keystore.location=/a/k.p12\nssl.keystore.type=PKCS12\n", fault: "openssl pkcs12"},
		{scenario: "a key that is no PEM", content: "security.protocol=SSL\nssl.key.pem=MIIEvQ\n", fault: "ssl.key.pem is no PEM text"},
		{scenario: "a client id that is too long", content: "client.id=" + strings.Repeat("x", 250), fault: "client.id"},
		{scenario: "a login without a protocol", content: "sasl.mechanism=PLAIN\n", fault: "security.protocol=SASL_SSL"},
		{scenario: "a protocol that is none", content: "security.protocol=TLS\n", fault: "SASL_PLAINTEXT"},
		{scenario: "another login module", content: "security.protocol=SASL_SSL\nsasl.mechanism=GSSAPI\nsasl.jaas.config=com.sun.Krb5LoginModule required;\n", fault: "PlainLoginModule"},
		{scenario: "JAAS that does not end", content: "security.protocol=SASL_SSL\nsasl.jaas.config=a.PlainLoginModule required username=\"u\n", fault: "sasl.jaas.config cannot be read"},
		{scenario: "a bad escape", content: "a.b=\\uZZZZ\n", fault: "line 1 cannot be read"},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			file, err := parseKafkaFile([]byte(test.content))
			if test.fault != "" {
				if err == nil || !strings.Contains(err.Error(), test.fault) {
					t.Fatalf("%v, want %q", err, test.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(file.flags, test.flags) {
				t.Errorf("flags %q, want %q", file.flags, test.flags)
			}
			if !slices.Equal(file.ignored, test.ignored) {
				t.Errorf("ignored %q, want %q", file.ignored, test.ignored)
			}
		})
	}
}

// FuzzKafkaFile holds: no content, however hostile, brings the parser down, and what it complains about shows no value.
func FuzzKafkaFile(f *testing.F) {
	for _, seed := range []string{
		"", "a=b", "security.protocol=SASL_SSL\nsasl.jaas.config=a.PlainLoginModule required username=\"u\" password='p';", "a=${a}", "a=\\u12", "=", "\\", "a\\\n", "sasl.jaas.config=;;;\nsecurity.protocol=SASL_SSL", "\x00=\xff",
	} {
		f.Add(seed, "geheim")
	}
	f.Fuzz(func(t *testing.T, content, value string) {
		if len(value) < 6 || strings.ContainsAny(value, "\\\r\n") {
			return
		}
		value = "kanarie" + value
		texts := []string{content, content + "\nsecurity.protocol=SASL_SSL\nsasl.jaas.config=" + value + "\n", content + "\nsecurity.protocol=" + value, content + "\nsasl.password=" + value}
		if _, err := parseKafkaFile([]byte(texts[len(content)%len(texts)])); err != nil && strings.Contains(err.Error(), value) {
			t.Fatalf("the error shows a value: %v", err)
		}
	})
}

// TestKafkaFileTooLarge holds: what is no file of properties is not read to its end.
func TestKafkaFileTooLarge(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, make([]byte, kafkaFileBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readKafkaFile(path); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Fatalf("%v, want that it is too large", err)
	}
}

package e2e

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"ridesink/internal/localenv"
)

// kafka_secure_test.go: a Kafka with TLS, logins and ACLs, shared by what kafka_login_test.go, kafka_tls_test.go and kafka_rights_test.go hold. The
// tests themselves come by its port without either, where everybody may do everything.

// The listeners of the cluster beside its open one.
const (
	loginListener   = "LOGIN"   // TLS and a login, which lasts reauthAfter
	plainListener   = "CLEAR"   // a login without TLS
	mutualListener  = "MUTUAL"  // TLS with a certificate of the client's
	expiredListener = "EXPIRED" // TLS with a certificate of the broker's that has expired
)

// reauthAfter is the brokers' connections.max.reauth.ms.
const reauthAfter = 10 * time.Second

// rider may read all topics and be a member of all groups. Its password is the canary.
const rider = "rider"

// secureKafka is that cluster, and the certificates around it.
type secureKafka struct {
	kafka     *localenv.Kafka
	authority *localenv.Authority // of the brokers, and the one that they trust
	stranger  *localenv.Authority // whom nobody knows
	dir       string
}

// TestSecureKafka starts the cluster for its parts.
func TestSecureKafka(t *testing.T) {
	t.Parallel()
	k := startSecureKafka(t)
	for name, part := range map[string]func(*secureKafka, *testing.T){
		"Login": (*secureKafka).testLogin, "WrongLogin": (*secureKafka).testWrongLogin, "LoginLost": (*secureKafka).testLoginLost, "Reauthentication": (*secureKafka).testReauthentication,
		"ClientCredentials": (*secureKafka).testClientCredentials, "Config": (*secureKafka).testConfig, "Canary": (*secureKafka).testCanary,
		"TLS": (*secureKafka).testTLS, "WrongTLS": (*secureKafka).testWrongTLS, "CertificateReplaced": (*secureKafka).testCertificateReplaced,
		"MissingRights": (*secureKafka).testMissingRights, "RightsLost": (*secureKafka).testRightsLost,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part(k, t)
		})
	}
}

func startSecureKafka(t *testing.T) *secureKafka {
	t.Helper()
	localenv.Brokers(t) // without Java it skips
	k := &secureKafka{dir: t.TempDir()}
	for name, authority := range map[string]**localenv.Authority{"own": &k.authority, "stranger": &k.stranger} {
		dir := filepath.Join(k.dir, name)
		err := os.Mkdir(dir, 0o700)
		if err == nil {
			*authority, err = localenv.NewAuthority(dir)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	broker, expired := issue(t, k.authority, "broker", time.Hour), issue(t, k.authority, "expired", -time.Hour)
	settings := map[string]string{
		"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":           "User:ANONYMOUS",
		"ssl.keystore.type":     "PEM", "ssl.truststore.type": "PEM", "ssl.keystore.location": broker, "ssl.truststore.location": k.authority.CA(),
		"listener.name.mutual.ssl.client.auth":             "required",
		"listener.name.mutual.ssl.principal.mapping.rules": "RULE:^CN=(.*)$/$1/",
		"listener.name.expired.ssl.keystore.type":          "PEM",
		"listener.name.expired.ssl.keystore.location":      expired,
	}
	plain := `org.apache.kafka.common.security.plain.PlainLoginModule required user_` + rider + `="` + plainPassword + `";`
	for _, listener := range []string{"login", "clear"} {
		prefix := "listener.name." + listener + "."
		settings[prefix+"sasl.enabled.mechanisms"] = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER"
		settings[prefix+"plain.sasl.jaas.config"] = plain
		for _, scram := range []string{"256", "512"} {
			settings[prefix+"scram-sha-"+scram+".sasl.jaas.config"] = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
		}
		settings[prefix+"oauthbearer.sasl.jaas.config"] = `org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`
		settings[prefix+"connections.max.reauth.ms"] = fmt.Sprint(reauthAfter.Milliseconds())
	}
	kafka, err := localenv.StartKafka(t.Context(), localenv.KafkaOptions{
		Listeners: map[string]string{loginListener: "SASL_SSL", plainListener: "SASL_PLAINTEXT", mutualListener: "SSL", expiredListener: "SSL"}, Settings: settings,
	})
	if err != nil {
		t.Fatalf("start Kafka: %v", err)
	}
	t.Cleanup(func() {
		if err := kafka.Stop(); err != nil {
			t.Errorf("stop Kafka: %v", err)
		}
	})
	k.kafka = kafka
	k.setPassword(t, rider, canary)
	k.allow(t, rights(kadm.OpRead, rider, "*", "*"))
	k.allow(t, rights(kadm.OpWrite, rider, "*", ""))
	return k
}

// plainPassword is what can be written into a broker's settings of the canary.
const plainPassword = canaryHead + canaryTail

func issue(t testing.TB, authority *localenv.Authority, name string, valid time.Duration) string {
	t.Helper()
	path, err := authority.Issue(name, time.Now().Add(valid))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// setPassword sets the password of a user for SCRAM.
func (k *secureKafka) setPassword(t testing.TB, user, password string) {
	t.Helper()
	for _, mechanism := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} { // Kafka takes one of a user at a time
		answers, err := admin(t, k.kafka.Brokers()).AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{{User: user, Mechanism: mechanism, Iterations: 4096, Password: password}})
		if err == nil {
			err = answers.Error()
		}
		if err != nil {
			t.Fatalf("set the password of %s: %v", user, err)
		}
	}
}

// rights let a user do something with a topic and a group. An empty name is none, * is all.
func rights(may kadm.ACLOperation, user, topic, group string) *kadm.ACLBuilder {
	acl := kadm.NewACLs().Allow("User:" + user).AllowHosts("*").ResourcePatternType(kadm.ACLPatternLiteral).Operations(may)
	if topic != "" {
		acl = acl.Topics(topic)
	}
	if group != "" {
		acl = acl.Groups(group)
	}
	return acl
}

func (k *secureKafka) allow(t testing.TB, may *kadm.ACLBuilder) {
	t.Helper()
	created, err := admin(t, k.kafka.Brokers()).CreateACLs(t.Context(), may)
	for _, one := range created {
		if err == nil {
			err = one.Err
		}
	}
	if err != nil {
		t.Fatalf("allow it: %v", err)
	}
}

func (k *secureKafka) forbid(t testing.TB, may *kadm.ACLBuilder) {
	t.Helper()
	deleted, err := admin(t, k.kafka.Brokers()).DeleteACLs(t.Context(), may)
	for _, one := range deleted {
		if err == nil {
			err = one.Err
		}
	}
	if err != nil || len(deleted) == 0 {
		t.Fatalf("forbid it: %d filters, %v", len(deleted), err)
	}
}

// scene makes a scene with a topic of two partitions on this cluster, named after the test.
func (k *secureKafka) scene(t *testing.T) scene {
	t.Helper()
	s := scene{t: t, brokers: k.kafka.Brokers(), url: localenv.Database(t), topics: []string{strings.ToLower(strings.NewReplacer("/", "-", " ", "-").Replace(t.Name()))}}
	s.group = "group-of-" + s.topic()
	if _, err := admin(t, s.brokers).CreateTopic(t.Context(), 2, 1, nil, s.topic()); err != nil {
		t.Fatalf("create the topic: %v", err)
	}
	s.waitForPartitions(2)
	s.start("migrate", "up").wantExit(0, 30*time.Second)
	return s
}

// by is the environment of a sink that comes by one of the listeners.
func (k *secureKafka) by(s scene, listener string, more ...string) []string {
	env := append(s.environment(), "KAFKA_BROKERS="+strings.Join(k.kafka.Listener(listener), ","))
	if listener != plainListener {
		env = append(env, "KAFKA_TLS=true", "KAFKA_CA_FILE="+k.authority.CA())
	}
	return append(env, more...)
}

// scramLogin is rider's.
func scramLogin(password string) []string {
	return []string{"KAFKA_SASL_MECHANISM=SCRAM-SHA-512", "KAFKA_USERNAME=" + rider, "KAFKA_PASSWORD=" + password}
}

// unsignedToken is a token of rider's, as Kafka takes it where nobody configured who signs them.
func unsignedToken(valid time.Duration) string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	now := time.Now()
	return part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(`{"sub":%q,"iat":%d,"exp":%d}`, rider, now.Unix(), now.Add(valid).Unix())) + "."
}

// moves holds: a sink with this environment stores every ride that is published, and shows no secret.
func (s scene) moves(env []string, flags ...string) {
	s.t.Helper()
	records := s.publishRides(40, 2, writeMixed)
	p := start(s.t, env, append([]string{"backfill", "--json"}, flags...)...)
	p.wantExit(0, time.Minute)
	p.checkKeepsSecrets()
	s.checkStored(records)
}

// fails holds: the command ends with 3 and one line that says these words, and no secret.
func (s scene) fails(t *testing.T, env, command, words []string) {
	t.Helper()
	p := start(t, env, command...)
	p.wantExit(3, 30*time.Second)
	checkOneLine(t, p, words)
	p.checkKeepsSecrets()
	t.Logf("%v: %s", command, p.stderr.String())
}

// waitUntilUnready waits until /readyz says these words.
func (s scene) waitUntilUnready(address string, words ...string) {
	s.t.Helper()
	eventually(s.t, longWait, "/readyz to say what is wrong", func() (bool, string) {
		_, body := ask(s.t, address, "/readyz", "")
		for _, word := range words {
			if !strings.Contains(body, word) {
				return false, body
			}
		}
		return true, body
	})
}

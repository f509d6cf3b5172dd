package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/segmentio/kafka-go/sasl"
	saslplain "github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"ridesink/internal/servers"
	"ridesink/sink"
)

// kafka_options.go: which brokers to ask, how they are known, and who asks. Before it kafka_file.go, for flags that a file stands for; after it
// internal/servers.

// kafkaOptions say which brokers to ask, and how.
type kafkaOptions struct {
	Brokers          []string `name:"brokers" env:"KAFKA_BROKERS,KAFKA_BOOTSTRAP_SERVERS" default:"localhost:9092" sep:"," placeholder:"HOST:PORT" help:"Bootstrap brokers, comma-separated."`
	KafkaConfig      string   `name:"kafka-config" env:"KAFKA_CONFIG" complete:"files" placeholder:"FILE" help:"A client.properties of Java's client or librdkafka: brokers, TLS, login. Flags and environment variables win over it."`
	KafkaTLS         bool     `name:"kafka-tls" env:"KAFKA_TLS" help:"Speak TLS with the brokers, 1.2 at least."`
	KafkaCAFile      string   `name:"kafka-ca-file" env:"KAFKA_CA_FILE" complete:"files" placeholder:"FILE" help:"Authorities of the brokers' certificates, in PEM. Without it this machine's."`
	KafkaCertFile    string   `name:"kafka-cert-file" env:"KAFKA_CERT_FILE" complete:"files" placeholder:"FILE" help:"Certificate to show to the brokers, in PEM. Read at each connection, as are the other two files."`
	KafkaKeyFile     string   `name:"kafka-key-file" env:"KAFKA_KEY_FILE" complete:"files" placeholder:"FILE" help:"Key of that certificate, in PEM, not encrypted."`
	KafkaSASL        string   `name:"kafka-sasl-mechanism" env:"KAFKA_SASL_MECHANISM" placeholder:"NAME" help:"How to log in to the brokers: plain, scram-sha-256, scram-sha-512 or oauthbearer."`
	KafkaUsername    string   `name:"kafka-username" env:"KAFKA_USERNAME" placeholder:"NAME" help:"Who logs in to the brokers. With Confluent Cloud the API key."`
	KafkaPassword    string   `name:"kafka-password" env:"KAFKA_PASSWORD" placeholder:"PASSWORD" help:"The password for it. A secret: prefer KAFKA_PASSWORD or KAFKA_PASSWORD_FILE to the flag."`
	KafkaTokenFile   string   `name:"kafka-token-file" env:"KAFKA_TOKEN_FILE" complete:"files" placeholder:"FILE" help:"For oauthbearer: a file with the token, read at each login."`
	KafkaOAuthURL    string   `name:"kafka-oauth-url" env:"KAFKA_OAUTH_URL" placeholder:"URL" help:"For oauthbearer: the token endpoint that gives tokens for client credentials."`
	KafkaOAuthClient string   `name:"kafka-oauth-client-id" env:"KAFKA_OAUTH_CLIENT_ID" placeholder:"ID" help:"The client's id there."`
	KafkaOAuthSecret string   `name:"kafka-oauth-client-secret" env:"KAFKA_OAUTH_CLIENT_SECRET" placeholder:"SECRET" help:"The client's secret there. A secret: prefer KAFKA_OAUTH_CLIENT_SECRET or KAFKA_OAUTH_CLIENT_SECRET_FILE to the flag."`
	KafkaOAuthScope  string   `name:"kafka-oauth-scope" env:"KAFKA_OAUTH_SCOPE" placeholder:"SCOPE" help:"Scopes to ask for there, with blanks between."`
	KafkaAllowUnsafe bool     `name:"allow-insecure" env:"SINK_ALLOW_INSECURE" help:"Allow a login that sends a password or token without TLS, where everyone on the way can read it."`
}

// kafkaConfig turns the flags into the way to the brokers. Faults are usage errors; nothing is dialed.
func (o kafkaOptions) kafkaConfig(clientID string, log *slog.Logger) (servers.KafkaConfig, error) {
	cfg := servers.KafkaConfig{Brokers: o.Brokers, ClientID: clientID, NetworkTimeout: sink.DefaultConfig().NetworkTimeout}
	file := &kafkaFile{}
	if o.KafkaConfig != "" {
		var err error
		if file, err = readKafkaFile(o.KafkaConfig); err != nil {
			return cfg, usageError(err)
		}
		if len(file.ignored) > 0 {
			log.Warn("names in --kafka-config that mean nothing to the sink", "file", o.KafkaConfig, "names", file.ignored)
		}
		if file.clientID != "" {
			cfg.ClientID = file.clientID
		}
	}
	var badTLS, badLogin error
	cfg.TLS, badTLS = o.tls()
	cfg.Login, badLogin = o.login(file.extensions)
	if err := errors.Join(badTLS, badLogin); err != nil {
		return cfg, usageError(err)
	}
	return cfg, nil
}

// tls returns nil for none.
func (o kafkaOptions) tls() (*servers.KafkaTLS, error) {
	switch {
	case !o.KafkaTLS && o.KafkaCAFile+o.KafkaCertFile+o.KafkaKeyFile != "":
		return nil, errors.New("--kafka-ca-file, --kafka-cert-file and --kafka-key-file are for TLS: add --kafka-tls")
	case !o.KafkaTLS:
		return nil, nil //nolint:nilnil // no TLS is no fault
	}
	t := &servers.KafkaTLS{TLSFiles: servers.TLSFiles{Option: "--kafka", CA: o.KafkaCAFile, Cert: o.KafkaCertFile, Key: o.KafkaKeyFile}}
	return t, t.Check()
}

// login returns nil for none.
func (o kafkaOptions) login(extensions map[string]string) (*servers.KafkaLogin, error) {
	password, err := secret(o.KafkaPassword, "KAFKA_PASSWORD")
	if err != nil {
		return nil, err
	}
	clientSecret, err := secret(o.KafkaOAuthSecret, "KAFKA_OAUTH_CLIENT_SECRET")
	if err != nil {
		return nil, err
	}
	mechanism := strings.ToLower(o.KafkaSASL)
	if mechanism == "" {
		if o.KafkaUsername+password+o.KafkaTokenFile+o.KafkaOAuthURL+o.KafkaOAuthClient+clientSecret != "" {
			return nil, errors.New("there is a login to Kafka without --kafka-sasl-mechanism: it is plain, scram-sha-256, scram-sha-512 or oauthbearer")
		}
		return nil, nil //nolint:nilnil // no login is no fault
	}
	if !o.KafkaTLS && !o.KafkaAllowUnsafe && (mechanism == "plain" || mechanism == "oauthbearer") {
		return nil, fmt.Errorf("--kafka-sasl-mechanism %s without --kafka-tls sends the secret so that everyone on the way can read it: add --kafka-tls, or --allow-insecure if nobody can", mechanism)
	}
	switch mechanism {
	case "plain", "scram-sha-256", "scram-sha-512":
		return o.passwordLogin(mechanism, password)
	case "oauthbearer":
		return o.tokenLogin(clientSecret, extensions)
	}
	return nil, fmt.Errorf("--kafka-sasl-mechanism is %q: it is plain, scram-sha-256, scram-sha-512 or oauthbearer", o.KafkaSASL)
}

func (o kafkaOptions) passwordLogin(mechanism, password string) (*servers.KafkaLogin, error) {
	if o.KafkaUsername == "" || password == "" {
		return nil, fmt.Errorf("--kafka-sasl-mechanism %s needs --kafka-username, and KAFKA_PASSWORD or KAFKA_PASSWORD_FILE", mechanism)
	}
	if strings.ContainsRune(o.KafkaUsername+password, 0) {
		return nil, errors.New("--kafka-username or KAFKA_PASSWORD holds a zero byte, which no login can carry")
	}
	by, err := passwordMechanism(mechanism, o.KafkaUsername, password)
	if err != nil {
		return nil, err
	}
	if o.KafkaPassword == "" { // it is in a file
		by = freshPassword{Mechanism: by, read: func() (sasl.Mechanism, error) {
			password, err := secret("", "KAFKA_PASSWORD")
			if err != nil {
				return nil, err
			}
			return passwordMechanism(mechanism, o.KafkaUsername, password)
		}}
	}
	return &servers.KafkaLogin{User: o.KafkaUsername, Mechanism: by, Check: "--kafka-username, KAFKA_PASSWORD or KAFKA_PASSWORD_FILE, and --kafka-sasl-mechanism"}, nil
}

// passwordMechanism is plain, scram-sha-256 or scram-sha-512 for one password.
func passwordMechanism(name, user, password string) (sasl.Mechanism, error) {
	if name == "plain" {
		return saslplain.Mechanism{Username: user, Password: password}, nil
	}
	algorithm := scram.SHA512
	if name == "scram-sha-256" {
		algorithm = scram.SHA256
	}
	mechanism, err := scram.Mechanism(algorithm, user, password)
	if err != nil {
		return nil, errors.New("--kafka-username or KAFKA_PASSWORD holds characters that SCRAM does not allow (RFC 4013)") // the cause repeats them
	}
	return mechanism, nil
}

// freshPassword is a mechanism whose password is read at each login, so that a file that was replaced ends an outage.
type freshPassword struct {
	sasl.Mechanism
	read func() (sasl.Mechanism, error)
}

// Start implements sasl.Mechanism.
func (p freshPassword) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	mechanism, err := p.read()
	if err != nil {
		return nil, nil, err
	}
	return mechanism.Start(ctx)
}

func (o kafkaOptions) tokenLogin(clientSecret string, extensions map[string]string) (*servers.KafkaLogin, error) {
	if (o.KafkaTokenFile == "") == (o.KafkaOAuthURL == "") {
		return nil, errors.New("--kafka-sasl-mechanism oauthbearer needs either --kafka-token-file or --kafka-oauth-url")
	}
	if o.KafkaTokenFile != "" {
		return &servers.KafkaLogin{Mechanism: servers.TokenFile(o.KafkaTokenFile, extensions), Check: "the token in --kafka-token-file"}, nil
	}
	endpoint, err := url.Parse(o.KafkaOAuthURL)
	switch {
	case err != nil || endpoint.Host == "" || endpoint.User != nil || endpoint.Scheme != "https" && endpoint.Scheme != "http":
		return nil, errors.New("--kafka-oauth-url is no URL such as https://HOST/oauth2/token, without a user in it")
	case endpoint.Scheme == "http" && !o.KafkaAllowUnsafe:
		return nil, errors.New("--kafka-oauth-url sends the client's secret without TLS: use https, or --allow-insecure if nobody can read it on the way")
	case o.KafkaOAuthClient == "" || clientSecret == "":
		return nil, errors.New("--kafka-oauth-url needs --kafka-oauth-client-id, and KAFKA_OAUTH_CLIENT_SECRET or KAFKA_OAUTH_CLIENT_SECRET_FILE")
	}
	return &servers.KafkaLogin{
		Mechanism: servers.ClientCredentials(o.KafkaOAuthURL, o.KafkaOAuthClient, clientSecret, strings.Fields(o.KafkaOAuthScope), extensions),
		Check:     "--kafka-oauth-url, --kafka-oauth-client-id and KAFKA_OAUTH_CLIENT_SECRET",
	}, nil
}

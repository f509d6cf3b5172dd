package servers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// kafka_token.go: OAUTHBEARER (RFC 7628), and where its token comes from: a file that somebody keeps fresh, or a token endpoint.

// TokenLogin is the mechanism OAUTHBEARER.
type TokenLogin struct {
	// Token returns the token for one login. Secret.
	Token func(context.Context) (string, error)
	// Refused is told when the broker does not take a token; may be nil.
	Refused func()
	// Extensions are sent beside the token, as clusters of many tenants want them (KIP-342).
	Extensions map[string]string
}

// Name implements sasl.Mechanism.
func (TokenLogin) Name() string { return "OAUTHBEARER" }

// Start implements sasl.Mechanism.
func (l TokenLogin) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	token, err := l.Token(ctx)
	if err != nil {
		return nil, nil, err
	}
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, nil, errors.New("the token is empty, or holds what no token holds: blanks, several lines")
	}
	var b strings.Builder
	b.WriteString("n,,\x01auth=Bearer " + token + "\x01")
	for _, name := range slices.Sorted(maps.Keys(l.Extensions)) {
		b.WriteString(name + "=" + l.Extensions[name] + "\x01")
	}
	b.WriteByte(1)
	return l, []byte(b.String()), nil
}

// Next implements sasl.StateMachine. A challenge says why the token is refused; the broker waits for an answer to it before it says that it refuses.
func (l TokenLogin) Next(_ context.Context, challenge []byte) (bool, []byte, error) {
	if len(challenge) == 0 {
		return true, nil, nil
	}
	if l.Refused != nil {
		l.Refused()
	}
	return false, []byte{1}, nil
}

// TokenFile is a login with the token in a file, which is read at each login.
func TokenFile(path string, extensions map[string]string) TokenLogin {
	return TokenLogin{Extensions: extensions, Token: func(context.Context) (string, error) {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("--kafka-token-file: %w", err)
		}
		return strings.TrimSpace(string(content)), nil
	}}
}

// ClientCredentials is a login with tokens that url gives to a client (RFC 6749, 4.4). One is used for three quarters of its life: a login
// ends before its token, and the next one begins after four fifths of that (renewAfter).
func ClientCredentials(url, id, secret string, scopes []string, extensions map[string]string) TokenLogin {
	source := &tokenSource{
		config: clientcredentials.Config{TokenURL: url, ClientID: id, ClientSecret: secret, Scopes: scopes},
		client: &http.Client{
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // it would send the secret on
		},
		turn: make(chan struct{}, 1),
	}
	return TokenLogin{Token: source.token, Refused: source.forget, Extensions: extensions}
}

// tokenSource asks for tokens. Safe for concurrent use.
type tokenSource struct {
	config clientcredentials.Config
	client *http.Client

	turn chan struct{} // holds a token while somebody asks, or looks at what follows
	kept string
	till time.Time
}

// token returns the token that is kept, or a new one. Of many that want one, one asks.
func (s *tokenSource) token(ctx context.Context) (string, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", fmt.Errorf("wait for a token: %w", ctx.Err())
	}
	if time.Now().Before(s.till) {
		return s.kept, nil
	}
	token, err := s.config.Token(context.WithValue(ctx, oauth2.HTTPClient, s.client))
	if err != nil {
		return "", tokenError(s.config.TokenURL, err)
	}
	s.kept, s.till = token.AccessToken, time.Time{}
	if !token.Expiry.IsZero() {
		s.till = time.Now().Add(time.Until(token.Expiry) * 3 / 4)
	}
	return s.kept, nil
}

// forget makes the next login ask again.
func (s *tokenSource) forget() {
	s.turn <- struct{}{}
	s.till = time.Time{}
	<-s.turn
}

// tokenError says what the token endpoint said, without its page: that may repeat what was sent.
func tokenError(url string, err error) error {
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		return fmt.Errorf("ask %s for a token: %w", url, err)
	}
	status := "no status"
	if answer.Response != nil {
		status = answer.Response.Status
	}
	return fmt.Errorf("%s gives no token: %s %s", url, status, answer.ErrorCode)
}

package partlog

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/segmentio/kafka-go/protocol"
)

// metadata.go: Metadata on the wire. Version 10 brought topic ids (KIP-516); 4 to 8 are spoken to brokers without them.

const (
	metadataOldest   = 4 // the first that can be told not to create topics
	metadataWithIDs  = 10
	metadataNewest   = 12
	metadataClassic  = 8 // the newest before the flexible encoding
	metadataMaxBytes = 64 << 20
)

// chooseMetadataVersion returns the version to use with a broker that speaks oldest to newest, -1 for none.
func chooseMetadataVersion(oldest, newest int16) int16 {
	switch {
	case newest >= metadataWithIDs && oldest <= metadataNewest:
		return min(newest, metadataNewest)
	case newest >= metadataOldest && oldest <= metadataClassic:
		return min(newest, metadataClassic)
	}
	return -1
}

// metadataRequest asks any broker about topics.
type metadataRequest struct {
	correlation int32
	clientID    string
	version     int16
	topics      []string
}

type metadataResponse struct{ topics []Topic }

// ApiKey implements protocol.Message.
func (*metadataRequest) ApiKey() protocol.ApiKey { return protocol.Metadata }

// ApiKey implements protocol.Message.
func (*metadataResponse) ApiKey() protocol.ApiKey { return protocol.Metadata }

// Required implements protocol.RawExchanger.
func (*metadataRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger.
func (m *metadataRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	flexible := m.version > metadataClassic
	r := newRequest(int16(protocol.Metadata), m.version, m.correlation, m.clientID, flexible)
	r.array(len(m.topics))
	for _, topic := range m.topics {
		if m.version >= metadataWithIDs {
			r.b = append(r.b, make([]byte, 16)...) // by name, not by id
		}
		r.string(topic)
		r.tags()
	}
	r.bool(false) // create no topic
	if m.version >= 8 && m.version <= 10 {
		r.bool(false) // authorized operations of the cluster
	}
	if m.version >= 8 {
		r.bool(false) // authorized operations of topics
	}
	r.tags()
	if err := r.send(rw); err != nil {
		return nil, err
	}
	body, _, err := receive(rw, nil, metadataMaxBytes, m.correlation, flexible)
	if err != nil {
		return nil, err
	}
	return readMetadata(&body, m.version)
}

func readMetadata(r *response, version int16) (*metadataResponse, error) {
	r.int32() // throttle time
	for range r.array(11) {
		r.int32()  // node id
		r.string() // host
		r.int32()  // port
		r.string() // rack
		r.tags()
	}
	r.string() // cluster id
	r.int32()  // controller
	var m metadataResponse
	for range r.array(8) {
		m.topics = append(m.topics, readTopic(r, version))
	}
	if r.err != nil {
		return nil, fmt.Errorf("read metadata: %w", r.err)
	}
	return &m, nil
}

func readTopic(r *response, version int16) Topic {
	code := r.int16()
	topic := Topic{Name: r.string()}
	topic.Err = brokerError("metadata of "+topic.Name, code)
	if version >= metadataWithIDs {
		copy(topic.ID[:], r.take(16))
	}
	r.int8() // internal
	for range r.array(14) {
		code := r.int16()
		p := Partition{TopicID: topic.ID, Number: r.int32(), Leader: r.int32(), LeaderEpoch: -1}
		p.Err = brokerError(fmt.Sprintf("metadata of %s/%d", topic.Name, p.Number), code)
		if version >= 7 {
			p.LeaderEpoch = r.int32()
		}
		skipInt32s(r) // replicas
		skipInt32s(r) // in-sync replicas
		if version >= 5 {
			skipInt32s(r) // offline replicas
		}
		r.tags()
		topic.Partitions = append(topic.Partitions, p)
	}
	if version >= 8 {
		r.int32() // authorized operations
	}
	r.tags()
	slices.SortFunc(topic.Partitions, func(a, b Partition) int { return cmp.Compare(a.Number, b.Number) })
	return topic
}

func skipInt32s(r *response) { r.take(4 * r.array(4)) }

// brokerError returns nil for code 0.
func brokerError(what string, code int16) error {
	if code == codeNone {
		return nil
	}
	return &BrokerError{Request: what, Code: code}
}

// Package auth holds the configuration and the decision of the API-key filter, free of any host call so that
// `go test` can run it.
package auth

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Key is one accepted API key and the consumer it belongs to.
type Key struct {
	Key      string   `json:"key"`
	Consumer string   `json:"consumer"`
	Methods  []string `json:"methods"` // empty = all
}

// Config is the plugin configuration.
type Config struct {
	Header  string   `json:"header"` // where the key is looked for first, "x-api-key" if not given
	Query   string   `json:"query"`  // name of a query parameter to try next, none if empty
	Realm   string   `json:"realm"`
	Keys    []Key    `json:"keys"`
	Exempt  []string `json:"exempt"` // paths that need no key: exact, or a prefix if it ends in "/"
	KeepKey bool     `json:"keep_key"`
}

// Verdict is the answer to one request: Status 0 lets it pass.
type Verdict struct {
	Status   uint32
	Code     string // machine-readable reason, for the reply and the log
	Message  string
	Consumer string
}

// Parse reads the plugin configuration. Unknown fields, empty or repeated keys are errors: a filter that guards
// something must not start with a configuration that means less than its author thought.
func Parse(data []byte) (*Config, error) {
	config := &Config{Header: "x-api-key", Realm: "api"}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(config); err != nil {
		return nil, err
	}
	if decoder.More() {
		return nil, errors.New("text after the configuration object")
	}
	config.Header = strings.ToLower(config.Header)
	if config.Header == "" || len(config.Keys) == 0 {
		return nil, errors.New("a header name and at least one key are needed")
	}
	if strings.ContainsAny(config.Realm, "\"\\\r\n") {
		return nil, errors.New("realm: quotes, backslashes and line breaks are not allowed")
	}
	seen := map[string]bool{}
	for i, key := range config.Keys {
		if key.Key == "" || key.Consumer == "" {
			return nil, fmt.Errorf("keys[%d]: key and consumer are needed", i)
		}
		if seen[key.Key] {
			return nil, fmt.Errorf("keys[%d]: the same key twice", i)
		}
		seen[key.Key] = true
	}
	return config, nil
}

// Exempts tells whether a path (with or without query) needs no key.
func (c *Config) Exempts(path string) bool {
	path, _, _ = strings.Cut(path, "?")
	for _, rule := range c.Exempt {
		if path == rule || strings.HasSuffix(rule, "/") && strings.HasPrefix(path, rule) {
			return true
		}
	}
	return false
}

// TakeFromQuery returns the key in the query of path, and the path without that parameter.
func (c *Config) TakeFromQuery(path string) (key, rest string) {
	base, query, found := strings.Cut(path, "?")
	if !found || c.Query == "" {
		return "", path
	}
	kept := []string{}
	for _, pair := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name != c.Query {
			kept = append(kept, pair)
			continue
		}
		if text, err := url.QueryUnescape(value); err == nil && key == "" {
			key = text
		}
	}
	if len(kept) == 0 {
		return key, base
	}
	return key, base + "?" + strings.Join(kept, "&")
}

// Check decides about a request that carries key ("" = none).
func (c *Config) Check(method, key string) Verdict {
	if key == "" {
		return Verdict{Status: 401, Code: "missing_api_key", Message: "an API key is required"}
	}
	var match *Key
	for i := range c.Keys {
		// Every key is compared, in constant time each, so that the time taken tells nothing.
		if subtle.ConstantTimeCompare([]byte(c.Keys[i].Key), []byte(key)) == 1 {
			match = &c.Keys[i]
		}
	}
	if match == nil {
		return Verdict{Status: 401, Code: "invalid_api_key", Message: "the API key is not known"}
	}
	if len(match.Methods) == 0 {
		return Verdict{Consumer: match.Consumer}
	}
	for _, allowed := range match.Methods {
		if allowed == method {
			return Verdict{Consumer: match.Consumer}
		}
	}
	return Verdict{Status: 403, Code: "method_not_allowed", Message: "the API key does not cover " + method, Consumer: match.Consumer}
}

// Body is the JSON body of a refusal.
func (v Verdict) Body() []byte {
	body, err := json.Marshal(struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}{v.Code, v.Message})
	if err != nil { // two strings always encode
		panic(err)
	}
	return append(body, '\n')
}

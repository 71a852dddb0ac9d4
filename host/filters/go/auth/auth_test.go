package auth

import "testing"

const good = `{"query": "api_key", "exempt": ["/health", "/public/"], "keys": [
	{"key": "a-1", "consumer": "alice"}, {"key": "b-1", "consumer": "bob", "methods": ["GET"]}]}`

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		``, `{`, `{}`, `{"keys": []}`, `{"keys": [{"key": "k"}]}`, `{"keyz": []}`, good + `{}`,
		`{"keys": [{"key": "k", "consumer": "c"}, {"key": "k", "consumer": "d"}]}`,
		`{"header": "", "keys": [{"key": "k", "consumer": "c"}]}`,
		`{"realm": "a\"b", "keys": [{"key": "k", "consumer": "c"}]}`,
	} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("accepted: %s", text)
		}
	}
}

func TestCheck(t *testing.T) {
	config, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, key, code, consumer string
		status                      uint32
	}{
		{"GET", "", "missing_api_key", "", 401},
		{"GET", "nope", "invalid_api_key", "", 401},
		{"GET", "a-", "invalid_api_key", "", 401},
		{"POST", "a-1", "", "alice", 0},
		{"GET", "b-1", "", "bob", 0},
		{"POST", "b-1", "method_not_allowed", "bob", 403},
	} {
		v := config.Check(c.method, c.key)
		if v.Status != c.status || v.Code != c.code || v.Consumer != c.consumer {
			t.Errorf("%+v: got %+v", c, v)
		}
	}
}

func TestQueryAndExempt(t *testing.T) {
	config, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][2]string{
		"/a":                      {"", "/a"},
		"/a?x=1":                  {"", "/a?x=1"},
		"/a?api_key=k":            {"k", "/a"},
		"/a?x=1&api_key=a%2Db&y=": {"a-b", "/a?x=1&y="},
	} {
		key, rest := config.TakeFromQuery(path)
		if key != want[0] || rest != want[1] {
			t.Errorf("%s: got %q %q", path, key, rest)
		}
	}
	for path, want := range map[string]bool{"/health?x": true, "/healthz": false, "/public/a": true, "/public": false} {
		if config.Exempts(path) != want {
			t.Errorf("%s: want %v", path, want)
		}
	}
}

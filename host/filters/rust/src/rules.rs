//! The configuration of the filter and its rules, free of any host call so that `cargo test` can run them.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The plugin configuration: one set of rules per direction.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub request: RequestRules,
    pub response: HeaderRules,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestRules {
    pub headers: HeaderRules,
    pub path_prefix: Option<PathPrefix>,
}

/// Header rules, applied in the order of the fields.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeaderRules {
    /// Names to drop.
    pub remove: Vec<String>,
    /// Old name to new name; every value moves.
    pub rename: BTreeMap<String, String>,
    /// Text to replace inside the value of a header that is there.
    pub rewrite: Vec<Rewrite>,
    /// Name to value: replaces what was there.
    pub set: BTreeMap<String, String>,
    /// Name to value: appended, what was there stays.
    pub add: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rewrite {
    pub header: String,
    pub find: String,
    pub replace: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathPrefix {
    pub from: String,
    pub to: String,
}

impl Config {
    /// Read the plugin configuration; nothing at all means: change nothing.
    pub fn parse(bytes: &[u8]) -> Result<Config, String> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Config::default());
        }
        let config: Config = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        config.request.headers.check("request.headers")?;
        config.response.check("response")?;
        if let Some(prefix) = &config.request.path_prefix {
            if !prefix.from.starts_with('/') || !prefix.to.starts_with('/') {
                return Err("request.path_prefix: from and to must start with '/'".to_string());
            }
        }
        Ok(config)
    }
}

impl HeaderRules {
    /// Refuse what would break the message later: bad names, and line breaks in values.
    fn check(&self, place: &str) -> Result<(), String> {
        let names = self.remove.iter().chain(self.rename.keys()).chain(self.rename.values());
        let names = names.chain(self.set.keys()).chain(self.add.keys());
        for name in names.chain(self.rewrite.iter().map(|r| &r.header)) {
            if !is_header_name(name) {
                return Err(format!("{place}: not a header name: {name:?}"));
            }
        }
        for value in self.set.values().chain(self.add.values()).chain(self.rewrite.iter().map(|r| &r.replace))
        {
            if value.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
                return Err(format!("{place}: line break or NUL in value {value:?}"));
            }
        }
        if self.rewrite.iter().any(|r| r.find.is_empty()) {
            return Err(format!("{place}: rewrite.find must not be empty"));
        }
        Ok(())
    }
}

/// RFC 9110 token; a pseudo header such as `:authority` may be named too.
fn is_header_name(name: &str) -> bool {
    let bare = name.strip_prefix(':').unwrap_or(name);
    !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

impl PathPrefix {
    /// Return the new path if `path` lies below `from`; the query stays as it is.
    ///
    /// `/api` covers `/api`, `/api/x` and `/api?q`, but not `/apiary`.
    pub fn apply(&self, path: &str) -> Option<String> {
        let from = self.from.trim_end_matches('/');
        let rest = path.strip_prefix(from)?;
        if !(rest.is_empty() || rest.starts_with(['/', '?'])) {
            return None;
        }
        let to = self.to.trim_end_matches('/');
        let slash = if rest.starts_with('/') || !to.is_empty() { "" } else { "/" };
        Some(format!("{to}{slash}{rest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(from: &str, to: &str) -> PathPrefix {
        PathPrefix { from: from.to_string(), to: to.to_string() }
    }

    #[test]
    fn path_prefix_respects_segments() {
        let p = prefix("/api/v1", "/v2");
        assert_eq!(p.apply("/api/v1/users?x=1").as_deref(), Some("/v2/users?x=1"));
        assert_eq!(p.apply("/api/v1").as_deref(), Some("/v2"));
        assert_eq!(p.apply("/api/v1?q").as_deref(), Some("/v2?q"));
        assert_eq!(p.apply("/api/v10"), None);
        assert_eq!(p.apply("/other"), None);
    }

    #[test]
    fn path_prefix_to_root() {
        let p = prefix("/api/", "/");
        assert_eq!(p.apply("/api").as_deref(), Some("/"));
        assert_eq!(p.apply("/api/a").as_deref(), Some("/a"));
        assert_eq!(p.apply("/api?q=1").as_deref(), Some("/?q=1"));
    }

    #[test]
    fn configuration_is_checked() {
        assert!(Config::parse(b"").is_ok());
        assert!(Config::parse(br#"{"response": {"add": {"x-a": "1"}}}"#).is_ok());
        for bad in [
            &b"{"[..],
            br#"{"responses": {}}"#,
            br#"{"response": {"add": {"x a": "1"}}}"#,
            br#"{"response": {"set": {"x-a": "1\r\nx-b: 2"}}}"#,
            br#"{"response": {"rewrite": [{"header": "a", "find": "", "replace": "b"}]}}"#,
            br#"{"request": {"path_prefix": {"from": "api", "to": "/"}}}"#,
        ] {
            assert!(Config::parse(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }
}

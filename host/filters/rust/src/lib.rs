//! Header rewriting as a Proxy-Wasm filter: the root context owns the rules, each stream applies them.

mod rules;

use log::{debug, error, info, warn};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};
use rules::{Config, HeaderRules, PathPrefix};
use std::rc::Rc;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Trace);
    proxy_wasm::set_root_context(|_| Box::new(Root { config: Rc::new(Config::default()) }));
}}

struct Root {
    config: Rc<Config>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let bytes = self.get_plugin_configuration().unwrap_or_default();
        match Config::parse(&bytes) {
            Ok(config) => {
                info!("header-rewrite: configured with {} bytes", bytes.len());
                self.config = Rc::new(config);
                true
            }
            Err(reason) => {
                error!("header-rewrite: bad configuration: {reason}");
                false
            }
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream { id, config: self.config.clone() }))
    }
}

struct Stream {
    id: u32,
    config: Rc<Config>,
}

/// One side's headers, so that the same rules serve requests and responses.
trait Headers {
    fn pairs(&self) -> Vec<(String, Vec<u8>)>;
    fn append(&self, name: &str, value: &[u8]);
    fn set(&self, name: &str, value: Option<&[u8]>);
}

struct Request<'a>(&'a Stream);
struct Response<'a>(&'a Stream);

impl Headers for Request<'_> {
    fn pairs(&self) -> Vec<(String, Vec<u8>)> {
        self.0.get_http_request_headers_bytes()
    }
    fn append(&self, name: &str, value: &[u8]) {
        self.0.add_http_request_header_bytes(name, value);
    }
    fn set(&self, name: &str, value: Option<&[u8]>) {
        self.0.set_http_request_header_bytes(name, value);
    }
}

impl Headers for Response<'_> {
    fn pairs(&self) -> Vec<(String, Vec<u8>)> {
        self.0.get_http_response_headers_bytes()
    }
    fn append(&self, name: &str, value: &[u8]) {
        self.0.add_http_response_header_bytes(name, value);
    }
    fn set(&self, name: &str, value: Option<&[u8]>) {
        self.0.set_http_response_header_bytes(name, value);
    }
}

/// Every value of one header, in order.
fn values_of(headers: &dyn Headers, name: &str) -> Vec<Vec<u8>> {
    let pairs = headers.pairs().into_iter();
    pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

/// Replace all values of one header.
fn put_values(headers: &dyn Headers, name: &str, values: &[Vec<u8>]) {
    if let Some((first, rest)) = values.split_first() {
        headers.set(name, Some(first));
        rest.iter().for_each(|value| headers.append(name, value));
    }
}

fn apply(rules: &HeaderRules, headers: &dyn Headers) {
    for name in &rules.remove {
        headers.set(name, None);
    }
    for (old, new) in &rules.rename {
        let values = values_of(headers, old);
        headers.set(old, None);
        put_values(headers, new, &values);
    }
    for rule in &rules.rewrite {
        let old = values_of(headers, &rule.header);
        // why: a value that is not UTF-8 is left alone instead of being damaged.
        let rewritten = |value: &Vec<u8>| match std::str::from_utf8(value) {
            Ok(text) => text.replace(&rule.find, &rule.replace).into_bytes(),
            Err(_) => value.clone(),
        };
        let new: Vec<Vec<u8>> = old.iter().map(rewritten).collect();
        if new != old {
            put_values(headers, &rule.header, &new);
        }
    }
    for (name, value) in &rules.set {
        headers.set(name, Some(value.as_bytes()));
    }
    for (name, value) in &rules.add {
        headers.append(name, value.as_bytes());
    }
}

impl Stream {
    /// Move the path to the new prefix and keep the old one in `x-original-path`.
    fn rewrite_path(&self, prefix: &PathPrefix) {
        // why: a client must not be able to claim an original path that was never asked for.
        self.set_http_request_header("x-original-path", None);
        // why: bytes, because the String getter panics on a path that is not UTF-8.
        let bytes = self.get_http_request_header_bytes(":path").unwrap_or_default();
        let Ok(path) = std::str::from_utf8(&bytes) else {
            return warn!("header-rewrite: #{} path is not UTF-8, left alone", self.id);
        };
        if let Some(new) = prefix.apply(path) {
            debug!("header-rewrite: #{} {path} -> {new}", self.id);
            self.set_http_request_header(":path", Some(&new));
            self.set_http_request_header("x-original-path", Some(path));
        }
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        let rules = &self.config.request;
        if let Some(prefix) = &rules.path_prefix {
            self.rewrite_path(prefix);
        }
        apply(&rules.headers, &Request(self));
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        apply(&self.config.response, &Response(self));
        Action::Continue
    }
}

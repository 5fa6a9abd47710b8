//! Broker URLs: `tcp://host:port?key=value` and lists `(tcp://a:1,tcp://b:2)?key=value`.
//!
//! Parameters are kept as they are, known or not; who needs one asks for it. Errors say where in the text and what was expected.

use std::fmt;
use std::str::FromStr;

/// The port of a place that names none.
const DEFAULT_PORT: u16 = 61616;
/// The only transport.
const SCHEME: &str = "tcp://";

/// More than anybody has brokers to try.
const PLACES_MAX: usize = 64;
/// More than there are parameters; each costs many times its text.
const PARAMETERS_MAX: usize = 256;
/// What comes before a secret.
const PASSWORD: &str = "password=";

/// Where a broker listens.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Endpoint {
    /// Name or address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(out, "[{}]:{}", self.host, self.port)
        } else {
            write!(out, "{}:{}", self.host, self.port)
        }
    }
}

/// A parsed URL: where to try, in order, and with what parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerUrl {
    /// At least one.
    endpoints: Vec<Endpoint>,
    parameters: Vec<(String, String)>,
}

impl BrokerUrl {
    /// A URL, or a part of one, as people may read it: what follows `password=` is left out, whatever word it ends
    /// (`trustStorePassword=`).
    pub fn without_passwords(text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        for pair in text.split_inclusive('&') {
            let value = pair.to_ascii_lowercase().find(PASSWORD).map(|at| at + PASSWORD.len());
            match value.and_then(|at| pair.split_at_checked(at)) {
                Some((name, secret)) => {
                    shown.push_str(name);
                    shown.push_str(if secret.ends_with('&') { "***&" } else { "***" });
                }
                None => shown.push_str(pair),
            }
        }
        shown
    }

    /// The places to try, in order; at least one.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// All parameters in the order of the text, those of single places first.
    pub fn parameters(&self) -> &[(String, String)] {
        &self.parameters
    }

    /// The value of a parameter; the last one counts when it is there more than once.
    pub fn parameter(&self, key: &str) -> Option<&str> {
        self.parameters.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter as a number, or an error that names both.
    pub fn number(&self, key: &str) -> Result<Option<i64>, UrlError> {
        let Some(value) = self.parameter(key) else { return Ok(None) };
        let number = value.parse().map_err(|_| UrlError::new(value, format!("a whole number for {key}")));
        number.map(Some)
    }

    /// The value of a parameter as true or false, or an error that names both.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, UrlError> {
        let Some(value) = self.parameter(key) else { return Ok(None) };
        let flag = value.parse().map_err(|_| UrlError::new(value, format!("true or false for {key}")));
        flag.map(Some)
    }
}

/// A URL that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UrlError {
    /// The part of the text that cannot be read.
    pub found: String,
    /// What should have been there.
    pub expected: String,
}

impl UrlError {
    pub(crate) fn new(found: &str, expected: impl Into<String>) -> UrlError {
        UrlError { found: BrokerUrl::without_passwords(found), expected: expected.into() }
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "broker URL: expected {}, found {:?}", self.expected, self.found)
    }
}

impl std::error::Error for UrlError {}

impl FromStr for BrokerUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<BrokerUrl, UrlError> {
        let text = text.trim();
        let mut url = BrokerUrl { endpoints: Vec::new(), parameters: Vec::new() };
        let Some(list) = text.strip_prefix('(') else {
            url.place(text)?;
            return Ok(url);
        };
        let Some((places, rest)) = list.split_once(')') else {
            return Err(UrlError::new(text, "a closing bracket after the list"));
        };
        for place in places.split(',') {
            url.place(place.trim())?;
        }
        match rest.strip_prefix('?') {
            Some(parameters) => url.query(parameters)?,
            None if rest.is_empty() => {}
            None => return Err(UrlError::new(rest, "parameters after ? or nothing")),
        }
        Ok(url)
    }
}

impl BrokerUrl {
    /// Reads `tcp://host:port?key=value`.
    fn place(&mut self, text: &str) -> Result<(), UrlError> {
        let Some(rest) = text.strip_prefix(SCHEME) else {
            return Err(UrlError::new(text, "tcp://host:port"));
        };
        if self.endpoints.len() >= PLACES_MAX {
            return Err(UrlError::new(text, format!("at most {PLACES_MAX} places")));
        }
        let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
        self.endpoints.push(endpoint(authority.strip_suffix('/').unwrap_or(authority))?);
        self.query(query)
    }

    /// Reads `key=value&key=value`.
    fn query(&mut self, text: &str) -> Result<(), UrlError> {
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if self.parameters.len() >= PARAMETERS_MAX {
                return Err(UrlError::new(pair, format!("at most {PARAMETERS_MAX} parameters")));
            }
            match pair.split_once('=') {
                Some((key, value)) if !key.is_empty() => {
                    // The value alone would not show that it is a secret.
                    let value = decoded(value).map_err(|error| UrlError::new(pair, error.expected))?;
                    self.parameters.push((decoded(key)?, value));
                }
                _ => return Err(UrlError::new(pair, "key=value")),
            }
        }
        Ok(())
    }
}

fn endpoint(authority: &str) -> Result<Endpoint, UrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or(UrlError::new(authority, "[address]:port"))?;
            (host, rest.strip_prefix(':').or(rest.is_empty().then_some("")))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("")),
        },
    };
    if host.is_empty() {
        return Err(UrlError::new(authority, "a host"));
    }
    let port = match port {
        Some("") if !authority.ends_with(':') => DEFAULT_PORT,
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => return Err(UrlError::new(authority, "a port from 1 to 65535")),
            Ok(port) => port,
        },
        None => return Err(UrlError::new(authority, "a port after the address")),
    };
    Ok(Endpoint { host: host.to_owned(), port })
}

/// Replaces `%41` by the byte it stands for.
fn decoded(text: &str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let value = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high << 4 | low).ok());
        bytes.push(value.ok_or_else(|| UrlError::new(text, "two hexadecimal digits after %"))?);
    }
    String::from_utf8(bytes).map_err(|_| UrlError::new(text, "UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::BrokerUrl;

    fn check(text: &str, places: &[&str], parameters: &[(&str, &str)]) {
        let url: BrokerUrl = text.parse().unwrap();
        let endpoints: Vec<String> = url.endpoints().iter().map(ToString::to_string).collect();
        assert_eq!(endpoints, places, "{text}");
        let found: Vec<_> = url.parameters().iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(found, parameters, "{text}");
    }

    #[test]
    fn good_urls() {
        check("tcp://localhost:61617", &["localhost:61617"], &[]);
        check("tcp://localhost", &["localhost:61616"], &[]);
        check("tcp://10.0.0.1:1/", &["10.0.0.1:1"], &[]);
        check("tcp://[::1]:5", &["[::1]:5"], &[]);
        check("tcp://[::1]", &["[::1]:61616"], &[]);
        check("  tcp://a:1 ", &["a:1"], &[]);
        check("tcp://a:1?", &["a:1"], &[]);
        check("tcp://a:1?ha=true&reconnectAttempts=-1", &["a:1"], &[("ha", "true"), ("reconnectAttempts", "-1")]);
        check("tcp://a:1?clientID=x%20y%3D", &["a:1"], &[("clientID", "x y=")]);
        check("tcp://a:1?empty=", &["a:1"], &[("empty", "")]);
        check("(tcp://a:1,tcp://b:2)?ha=true", &["a:1", "b:2"], &[("ha", "true")]);
        check("(tcp://a:1)", &["a:1"], &[]);
        check("(tcp://a:1?x=1, tcp://b?y=2)?ha=true", &["a:1", "b:61616"], &[("x", "1"), ("y", "2"), ("ha", "true")]);
    }

    #[test]
    fn bad_urls_are_told_what_was_expected() {
        for (text, expected) in [
            ("", "tcp://host:port"),
            ("localhost:1", "tcp://host:port"),
            ("amqp://a:1", "tcp://host:port"),
            ("tcp://", "a host"),
            ("tcp://:1", "a host"),
            ("tcp://a:", "a port from 1 to 65535"),
            ("tcp://a:0", "a port from 1 to 65535"),
            ("tcp://a:65536", "a port from 1 to 65535"),
            ("tcp://a:b", "a port from 1 to 65535"),
            ("tcp://[::1:5", "[address]:port"),
            ("tcp://[::1]5", "a port after the address"),
            ("tcp://a:1?x", "key=value"),
            ("tcp://a:1?=x", "key=value"),
            ("tcp://a:1?x=%4", "two hexadecimal digits after %"),
            ("tcp://a:1?x=%ff", "UTF-8 text"),
            ("(tcp://a:1", "a closing bracket after the list"),
            ("()", "tcp://host:port"),
            ("(tcp://a:1)ha=true", "parameters after ? or nothing"),
        ] {
            let error = text.parse::<BrokerUrl>().unwrap_err();
            assert_eq!(error.expected, expected, "{text}");
        }
    }

    #[test]
    fn places_and_parameters_are_bounded() {
        let expected = |text: String| text.parse::<BrokerUrl>().map_err(|error| error.expected);
        let places = |count: usize| format!("({})", vec!["tcp://a"; count].join(","));
        assert_eq!(expected(places(64)).unwrap().endpoints().len(), 64);
        assert_eq!(expected(places(65)).unwrap_err(), "at most 64 places");
        let parameters = |count: usize| format!("tcp://a?{}", "x=&".repeat(count));
        assert_eq!(expected(parameters(256)).unwrap().parameters().len(), 256);
        assert_eq!(expected(parameters(257)).unwrap_err(), "at most 256 parameters");
    }

    #[test]
    fn passwords_are_not_shown() {
        for (text, shown) in [
            ("tcp://a:1?user=u", "tcp://a:1?user=u"),
            ("tcp://a:1?user=u&password=s", "tcp://a:1?user=u&password=***"),
            ("tcp://a:1?password=s&user=u", "tcp://a:1?password=***&user=u"),
            ("(tcp://a?x=1,tcp://b?trustStorePassword=s=t)?c=d&e=f", "(tcp://a?x=1,tcp://b?trustStorePassword=***&e=f"),
        ] {
            assert_eq!(BrokerUrl::without_passwords(text), shown);
        }
        for text in ["(tcp://a:1?password=s3cr3t", "tcp://a:1?password=s3cr3t%zz", "amqp://a?password=s3cr3t"] {
            let error = text.parse::<BrokerUrl>().unwrap_err().to_string();
            assert!(error.contains("password=***") && !error.contains("s3cr3t"), "{error}");
        }
    }

    #[test]
    fn parameters_are_typed_when_asked_for() {
        let url: BrokerUrl = "tcp://a:1?n=5&n=6&b=true&bad=x".parse().unwrap();
        assert_eq!(url.number("n"), Ok(Some(6)));
        assert_eq!(url.number("missing"), Ok(None));
        assert_eq!(url.flag("b"), Ok(Some(true)));
        let error = url.number("bad").unwrap_err().to_string();
        assert_eq!(error, "broker URL: expected a whole number for bad, found \"x\"");
        assert!(url.flag("bad").is_err());
    }
}

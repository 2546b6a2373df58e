//! The URL of a Redis, taken apart. A fault names the part and the remedy, and repeats nothing: any part could be
//! a password that was put in the wrong place.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use crate::settings::SettingsError;

const FORMS: &str = "write redis://[user:password@]host[:port][/db], rediss:// for TLS, redis+sentinel://host,host/name, \
    redis+cluster://host,host, or redis+unix:///path";
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// What kind of place a URL names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Single,
    Sentinel,
    Cluster,
    Unix,
}

/// A server's name and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub host: String,
    pub port: u16,
}

/// Who we are to a server. Not `Debug`, so that no log ever has it.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Login {
    pub user: Option<String>,
    pub password: Option<String>,
}

/// A URL's parts, with escapes undone.
pub(crate) struct Parts {
    pub kind: Kind,
    pub is_tls: bool,
    pub login: Login,
    pub nodes: Vec<Node>,
    /// What stands behind the hosts, without the first `/`; of a socket all of its path.
    pub path: String,
    query: BTreeMap<String, String>,
}

impl Parts {
    pub fn read(url: &str) -> Result<Parts, SettingsError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| fault("this is not the URL of a Redis", FORMS))?;
        let (kind, is_tls) = scheme_of(scheme).ok_or_else(|| fault("the URL's scheme is not one of a Redis", FORMS))?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (Login::read(login)?, hosts),
            None => (Login::default(), authority),
        };
        let path = decoded("path", if kind == Kind::Unix { path } else { path.trim_start_matches('/') })?;
        Ok(Parts { kind, is_tls, login, nodes: nodes(kind, hosts)?, path, query: pairs(query)? })
    }

    /// Takes a parameter out.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.query.remove(name)
    }

    /// Refuses the parameters nobody took.
    pub fn end(self, known: &str) -> Result<(), SettingsError> {
        match self.query.is_empty() {
            true => Ok(()),
            false => {
                Err(fault("the URL has a parameter that is not known here", &format!("leave all but {known} out")))
            }
        }
    }
}

impl Login {
    fn read(text: &str) -> Result<Login, SettingsError> {
        let (user, password) = text.split_once(':').map_or((text, None), |(user, rest)| (user, Some(rest)));
        let user = Some(decoded("user", user)?).filter(|user| !user.is_empty());
        let password = password.map(|password| decoded("password", password)).transpose()?;
        Ok(Login { user, password: password.filter(|password| !password.is_empty()) })
    }
}

impl Node {
    /// `host:port`, `host`, or `[address]:port`.
    pub fn read(text: &str, port: u16) -> Option<Node> {
        let (host, digits) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']').map(|(host, rest)| (host, rest.strip_prefix(':')))?,
            None => text.split_once(':').map_or((text, None), |(host, digits)| (host, Some(digits))),
        };
        let port = digits.map_or(Some(port), |digits| digits.parse().ok().filter(|port| *port != 0))?;
        let is_name = !host.is_empty() && !host.contains(char::is_whitespace);
        is_name.then(|| Node { host: host.to_owned(), port })
    }
}

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// A fault, and what to do about it.
pub(crate) fn fault(what: &str, remedy: &str) -> SettingsError {
    SettingsError::new(format!("{what}: {remedy}"))
}

fn scheme_of(scheme: &str) -> Option<(Kind, bool)> {
    let (base, kind) = match scheme.split_once('+') {
        None if scheme == "unix" => ("redis", Kind::Unix),
        None => (scheme, Kind::Single),
        Some((base, "sentinel")) => (base, Kind::Sentinel),
        Some((base, "cluster")) => (base, Kind::Cluster),
        Some((base @ ("redis" | "valkey"), "unix")) => (base, Kind::Unix),
        Some(_) => return None,
    };
    match base {
        "redis" | "valkey" => Some((kind, false)),
        "rediss" | "valkeys" => Some((kind, true)),
        _ => None,
    }
}

fn nodes(kind: Kind, hosts: &str) -> Result<Vec<Node>, SettingsError> {
    let port = if kind == Kind::Sentinel { SENTINEL_PORT } else { PORT };
    match kind {
        Kind::Unix if hosts.is_empty() => Ok(Vec::new()),
        Kind::Unix => Err(fault("the URL of a socket has no host", "write redis+unix:///path, with three slashes")),
        Kind::Single | Kind::Sentinel | Kind::Cluster => {
            let nodes: Option<Vec<Node>> = hosts.split(',').map(|host| Node::read(host, port)).collect();
            let nodes = nodes.ok_or_else(|| {
                let what = "a host in the URL is not host or host:port, the port being 1 to 65535";
                fault(what, "correct it, with % escapes in a password that has / ? # or @, and IPv6 in brackets")
            })?;
            match kind == Kind::Single && nodes.len() > 1 {
                true => Err(fault("the URL names several hosts", "say of what: redis+sentinel:// or redis+cluster://")),
                false => Ok(nodes),
            }
        }
    }
}

fn pairs(query: &str) -> Result<BTreeMap<String, String>, SettingsError> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let decode = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decoded("query", name)?, decoded("query", value)?))
    };
    pairs.map(decode).collect()
}

fn decoded(part: &str, text: &str) -> Result<String, SettingsError> {
    let decoded = percent_decode_str(text).decode_utf8().map(|text| text.into_owned());
    decoded.map_err(|_| fault(&format!("the URL's {part} is no UTF-8"), "correct its % escapes"))
}

//! Where the Redis is: what a URL means, and how it may be shown.
//!
//! A fixed address is one server. Behind the others stands a server that changes: who it is now is asked before
//! each connection ([`Sentinels`], [`Cluster`]), and again whenever one ends in a way that may mean it moved.

use std::path::PathBuf;

use crate::cluster::Cluster;
use crate::sentinel::Sentinels;
use crate::settings::SettingsError;
use crate::tls::{Files, Tls};
use crate::trouble::Trouble;
use crate::url::{Kind, Login, Node, Parts, fault};

/// A URL, understood.
pub(crate) struct Address {
    pub place: Place,
    /// Who we are to the servers with the data.
    pub login: Login,
    pub db: u32,
    pub tls: Option<Tls>,
    shown: String,
}

/// Where that is.
pub(crate) enum Place {
    Unix(PathBuf),
    Single(Node),
    Sentinels(Sentinels),
    Cluster(Cluster),
}

impl Address {
    /// `log` is the key whose slot matters in a cluster; all keys of a space share it.
    pub fn parse(url: &str, log: &str) -> Result<Address, SettingsError> {
        let mut parts = Parts::read(url)?;
        let mut shown = shown(&parts);
        let tls = tls(&mut parts)?;
        let mut login = parts.login.clone();
        let mut db = parts.take("db");
        let place = match parts.kind {
            Kind::Unix => {
                login.user = login.user.or(parts.take("user"));
                login.password = login.password.or(parts.take("pass"));
                shown += &parts.path;
                Place::Unix(PathBuf::from(std::mem::take(&mut parts.path)))
            }
            Kind::Sentinel => {
                let path = std::mem::take(&mut parts.path);
                let (name, behind) = path.split_once('/').map_or((&path[..], None), |(name, db)| (name, Some(db)));
                db = db.or(behind.map(str::to_owned));
                let login = Login { user: parts.take("sentinel_username"), password: parts.take("sentinel_password") };
                shown += &format!("/{name}");
                Place::Sentinels(Sentinels::new(name, std::mem::take(&mut parts.nodes), login)?)
            }
            Kind::Cluster => Place::Cluster(Cluster::new(std::mem::take(&mut parts.nodes), log)),
            Kind::Single => Place::Single(parts.nodes.remove(0)),
        };
        db = db.or(Some(std::mem::take(&mut parts.path))).filter(|db| !db.is_empty());
        let db = database(db.as_deref(), &place)?;
        if db != 0 && !matches!(place, Place::Unix(_)) {
            shown += &format!("/{db}");
        }
        parts.end("db, cacert, cert, key, sentinel_username and sentinel_password; of a socket db, user and pass")?;
        Ok(Address { place, login, db, tls, shown })
    }

    /// The URL without passwords and parameters.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether the server behind this address may become another.
    pub fn is_moving(&self) -> bool {
        match self.place {
            Place::Unix(_) | Place::Single(_) => false,
            Place::Sentinels(_) | Place::Cluster(_) => true,
        }
    }

    /// Whether an error says that another server must be asked by now. What was asked was not done.
    pub fn has_moved(&self, trouble: &Trouble) -> bool {
        self.is_moving() && trouble.says_elsewhere()
    }

    /// Whether the server behind this address is known to be another than this by now.
    pub async fn is_another(&self, than: &str) -> bool {
        match &self.place {
            Place::Sentinels(sentinels) => sentinels.name_another(than, self).await,
            // A node of a cluster knows itself, and says so to whoever asks.
            Place::Unix(_) | Place::Single(_) | Place::Cluster(_) => false,
        }
    }

    /// The server that has some keys of the slot already, while the others are still on their way to it.
    pub fn asked_elsewhere(&self, trouble: &Trouble) -> Option<Node> {
        match (&self.place, trouble) {
            (Place::Cluster(cluster), Trouble::Said { code, words }) if code == "ASK" => cluster.redirected(words),
            (Place::Unix(_) | Place::Single(_) | Place::Sentinels(_) | Place::Cluster(_), _) => None,
        }
    }
}

fn tls(parts: &mut Parts) -> Result<Option<Tls>, SettingsError> {
    let files = Files { ca: parts.take("cacert"), cert: parts.take("cert"), key: parts.take("key") };
    match (parts.is_tls, files.is_empty()) {
        (true, _) => Tls::new(&files).map(Some),
        (false, true) => Ok(None),
        (false, false) => {
            Err(fault("cacert, cert and key belong to TLS", "write rediss:// (two s), or leave them out"))
        }
    }
}

fn database(text: Option<&str>, place: &Place) -> Result<u32, SettingsError> {
    let number = text.map_or(Ok(0), str::parse);
    let number =
        number.map_err(|_| fault("the URL's database is no number", "write /db, such as /2, or leave it out"))?;
    match place {
        Place::Cluster(_) if number != 0 => Err(fault("a cluster has one database", "leave its number out")),
        Place::Unix(_) | Place::Single(_) | Place::Sentinels(_) | Place::Cluster(_) => Ok(number),
    }
}

/// Without what comes behind the hosts.
fn shown(parts: &Parts) -> String {
    let scheme = match (parts.kind, parts.is_tls) {
        (Kind::Unix, _) => "redis+unix",
        (Kind::Single, false) => "redis",
        (Kind::Single, true) => "rediss",
        (Kind::Sentinel, false) => "redis+sentinel",
        (Kind::Sentinel, true) => "rediss+sentinel",
        (Kind::Cluster, false) => "redis+cluster",
        (Kind::Cluster, true) => "rediss+cluster",
    };
    let user = parts.login.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
    let nodes: Vec<String> = parts.nodes.iter().map(Node::to_string).collect();
    format!("{scheme}://{user}{}", nodes.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, SettingsError> {
        Address::parse(url, "sluice:{shop}:log")
    }

    #[test]
    fn a_url_is_shown_without_its_passwords() {
        let shown = |url: &str| parse(url).unwrap().shown().to_owned();
        assert_eq!(shown("redis://10.0.0.1"), "redis://10.0.0.1:6379");
        assert_eq!(shown("redis://edge:hunter2@h:7/2"), "redis://edge@h:7/2");
        assert_eq!(shown("redis://:hunter2@h"), "redis://h:6379");
        assert_eq!(shown("valkey://[::1]:7/"), "redis://[::1]:7");
        assert_eq!(shown("redis+unix:///run/r.sock?pass=hunter2"), "redis+unix:///run/r.sock");
        let sentinel = "redis+sentinel://edge:hunter2@a,b:7/main?db=3&sentinel_password=hunter3";
        assert_eq!(shown(sentinel), "redis+sentinel://edge@a:26379,b:7/main/3");
        assert_eq!(shown("redis+sentinel://a/main/3"), "redis+sentinel://a:26379/main/3");
        assert_eq!(shown("redis+cluster://:hunter2@a,b:7"), "redis+cluster://a:6379,b:7");
    }

    #[test]
    fn escapes_in_a_password_are_undone() {
        let login = parse("redis://ed%40ge:p%2Fw%25@h").unwrap().login;
        assert_eq!((login.user.as_deref(), login.password.as_deref()), (Some("ed@ge"), Some("p/w%")));
    }

    #[test]
    fn a_url_that_cannot_be_used_is_refused_with_its_part_and_without_being_repeated() {
        for (url, wanted) in [
            ("", "not the URL of a Redis"),
            ("hunter2", "write redis://[user:password@]host"),
            ("http://hunter2@h", "scheme"),
            ("redis://u:hunter2@h/x", "database"),
            ("redis://u:hunter2@h:99999", "port"),
            ("redis://u:hunter2/x@h", "% escapes"),
            ("redis://u:%ff@h", "password is no UTF-8"),
            ("redis://h?hunter2=1", "parameter"),
            ("redis://a,b", "redis+sentinel://"),
            ("redis+sentinel://a", "name of the primary"),
            ("redis+cluster://a/2", "one database"),
            ("redis+unix://hunter2/x", "three slashes"),
            ("redis://h?cacert=hunter2", "rediss://"),
            ("rediss://h?cert=/nowhere/hunter2", "cert=FILE and key=FILE"),
        ] {
            let error = parse(url).err().unwrap_or_else(|| panic!("{url} is taken")).to_string();
            assert!(error.contains(wanted) && !error.contains("hunter2"), "{url}: {error}");
        }
    }
}

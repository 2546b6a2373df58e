//! What can go wrong with a Redis, in words for operators: what failed, and the remedy.

use std::io;

use redis::RedisError;
use sluice_core::Lost;

use crate::address::Address;
use crate::tls;
use crate::url::Node;

/// Why a question has no answer.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// The server closed the connection. What was asked may have been done.
    HungUp,
    /// No answer in time, no connection, or bytes that are no answer. The same holds.
    Broken(String),
    /// The server answered, with an error: its code (`NOPERM`) and its words. Nothing was done.
    Said { code: String, words: String },
}

/// Why a command that may be sent once only has no answer.
#[derive(Clone, Debug)]
pub(crate) struct Unanswered {
    pub trouble: Trouble,
    /// Whether the server may have done it all the same.
    pub may_be_done: bool,
}

/// What an error of the server asks of the one who appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It goes away by itself.
    Passing,
    /// Somebody must act.
    Lasting,
}

impl Unanswered {
    /// Trouble that came before anything was sent.
    pub fn before(trouble: Trouble) -> Unanswered {
        Unanswered { trouble, may_be_done: false }
    }

    /// Trouble that came once it was on its way.
    pub fn after(trouble: Trouble) -> Unanswered {
        let may_be_done = match &trouble {
            Trouble::HungUp | Trouble::Broken(_) => true,
            Trouble::Said { .. } => false,
        };
        Unanswered { trouble, may_be_done }
    }
}

impl Trouble {
    /// An error as the server writes it, `CODE words`.
    pub fn said(line: &str) -> Trouble {
        let is_code = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        match line.split_once(' ') {
            Some((code, words)) if is_code(code) => Trouble::Said { code: code.to_owned(), words: words.to_owned() },
            Some(_) | None if is_code(line) => Trouble::Said { code: line.to_owned(), words: String::new() },
            Some(_) | None => Trouble::Said { code: "ERR".to_owned(), words: line.to_owned() },
        }
    }

    pub fn of_io(error: &io::Error) -> Trouble {
        if let Some(words) = tls::words(error) {
            return Trouble::Broken(words);
        }
        match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => {
                Trouble::HungUp
            }
            io::ErrorKind::ConnectionRefused => {
                Trouble::Broken("connection refused: start the server, or correct host and port".to_owned())
            }
            io::ErrorKind::NotFound => {
                Trouble::Broken("no such socket: start the server, or correct the path".to_owned())
            }
            io::ErrorKind::PermissionDenied => {
                Trouble::Broken("the socket may not be opened: give this user access to it".to_owned())
            }
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                Trouble::Broken("no answer in time: the server stands still, or the network drops packets".to_owned())
            }
            _ if error.to_string().contains("lookup") => {
                Trouble::Broken(format!("its name does not resolve ({error}): check the host name and DNS"))
            }
            _ => Trouble::Broken(error.to_string()),
        }
    }

    pub fn of(error: RedisError) -> Trouble {
        if error.is_timeout() {
            return Trouble::of_io(&io::ErrorKind::TimedOut.into());
        }
        if error.is_connection_dropped() {
            return Trouble::HungUp;
        }
        if let Some(code) = error.code() {
            return Trouble::Said { code: code.to_owned(), words: error.detail().unwrap_or_default().to_owned() };
        }
        let text = error.to_string();
        match error.into_server_errors() {
            Some(errors) if !errors.is_empty() => {
                let first = &errors[0].1;
                let words = first.details().unwrap_or_default().to_owned();
                Trouble::Said { code: first.code().to_owned(), words }
            }
            Some(_) | None => Trouble::Broken(text),
        }
    }

    /// The same, with the server it happened at, where the address does not tell.
    pub fn at(self, node: &Node) -> Trouble {
        match self {
            Trouble::HungUp | Trouble::Broken(_) => Trouble::Broken(format!("{node}: {}", self.words())),
            said @ Trouble::Said { .. } => said,
        }
    }

    /// Whether the server says that another has what was asked for.
    pub fn says_elsewhere(&self) -> bool {
        match self {
            Trouble::HungUp | Trouble::Broken(_) => false,
            Trouble::Said { code, .. } => matches!(code.as_str(), "MOVED" | "READONLY" | "UNBLOCKED" | "MASTERDOWN"),
        }
    }

    /// Whether a cluster's node refused it because the keys are elsewhere, or some of them.
    pub fn is_redirection(&self) -> bool {
        match self {
            Trouble::HungUp | Trouble::Broken(_) => false,
            Trouble::Said { code, .. } => matches!(code.as_str(), "MOVED" | "ASK"),
        }
    }

    /// Whether the connection it happened on is good no longer.
    pub fn ends_connection(&self) -> bool {
        match self {
            Trouble::HungUp | Trouble::Broken(_) => true,
            // A server that lost its role or its memory: whoever has the name now may be another.
            Trouble::Said { code, .. } => {
                self.says_elsewhere() || matches!(code.as_str(), "CLUSTERDOWN" | "NOAUTH" | "LOADING")
            }
        }
    }

    /// Whether it goes away without anybody's help.
    pub fn kind(&self) -> Kind {
        match self {
            Trouble::HungUp | Trouble::Broken(_) => Kind::Passing,
            Trouble::Said { code, .. } => match code.as_str() {
                "LOADING" | "BUSY" | "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" | "UNBLOCKED" => Kind::Passing,
                _ => Kind::Lasting,
            },
        }
    }

    /// What failed and what helps, without saying where.
    pub fn words(&self) -> String {
        match self {
            Trouble::HungUp => {
                "the server hung up: it restarts, is at its maxclients, wants TLS, or is no Redis".to_owned()
            }
            Trouble::Broken(why) => why.clone(),
            Trouble::Said { code, words } => match remedy(code, words) {
                Some(remedy) => format!("{code} {words}: {remedy}"),
                None => format!("{code} {words}"),
            },
        }
    }

    pub fn lost(&self, address: &Address) -> Lost {
        Lost(format!("{}: {}", address.shown(), self.words()))
    }
}

fn remedy(code: &str, words: &str) -> Option<&'static str> {
    Some(match code {
        "NOAUTH" => "put user and password into the URL",
        "WRONGPASS" => "correct user and password in the URL",
        "NOPERM" => "grant it to this user with ACL SETUSER",
        "MISCONF" => "the server cannot save to its disk: free space there, or see its log",
        "OOM" => "raise maxmemory, or trim the log",
        "READONLY" => "this is a replica: use the address of the primary, or redis+sentinel://",
        "LOADING" => "the server reads its data set; this passes",
        "WRONGTYPE" => "another program uses this key: choose another space or database",
        "NOREPLICAS" => "too few replicas for min-replicas-to-write: start them, or lower it",
        "MOVED" | "ASK" => "this is a cluster and another of its nodes has the space: use redis+cluster://host,host",
        "CLUSTERDOWN" => "the cluster misses slots: bring its nodes back",
        "MASTERDOWN" => "this replica lost its primary: use the address of the primary",
        "UNBLOCKED" => "the server became a replica; this passes when the address follows the primary",
        "NOPROTO" => "the server is older than Redis 6: upgrade it",
        "ERR" if words.starts_with("max number of clients") => "raise maxclients, or close idle clients",
        "ERR" if words.contains("without any password") => "take the password out of the URL",
        "ERR" if words.contains("DB index") => "correct the database number in the URL",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_is_told_with_the_remedy() {
        let words = |line| Trouble::said(line).words();
        assert!(words("NOAUTH Authentication required.").ends_with("put user and password into the URL"));
        assert!(words("ERR max number of clients reached").ends_with("raise maxclients, or close idle clients"));
        assert_eq!(words("ERR syntax error"), "ERR syntax error");
        assert_eq!(words("went wrong"), "ERR went wrong");
    }

    #[test]
    fn only_what_passes_by_itself_is_called_passing() {
        assert_eq!(Trouble::said("LOADING Redis is loading").kind(), Kind::Passing);
        assert_eq!(Trouble::said("OOM command not allowed").kind(), Kind::Lasting);
        assert_eq!(Trouble::HungUp.kind(), Kind::Passing);
    }
}

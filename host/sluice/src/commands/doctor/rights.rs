//! What we may do at a server, and what nobody does without it.

use super::Finding;
use crate::wiring::edges::{Purpose, Right};

/// A row for each thing that cannot be done, with the line that grants it.
pub fn look(rights: &[Right], user: Option<&str>, pattern: &str) -> Vec<Finding> {
    let mut lost: Vec<Purpose> = rights.iter().filter(|right| is_denied(right)).map(|right| right.purpose).collect();
    lost.sort_unstable();
    lost.dedup();
    if lost.is_empty() {
        return vec![match rights.iter().any(|right| right.allowed.is_none()) {
            false => Finding::ok("rights", "all that hosts and publishers need"),
            true => Finding::ok(
                "rights",
                "cannot be told without trying: the server has no ACL DRYRUN, or +acl|whoami +acl|dryrun are not granted",
            ),
        }];
    }
    let user = user.unwrap_or("default");
    lost.into_iter().map(|purpose| finding(rights, purpose, user, pattern)).collect()
}

fn is_denied(right: &Right) -> bool {
    right.allowed == Some(false)
}

fn finding(rights: &[Right], purpose: Purpose, user: &str, pattern: &str) -> Finding {
    let denied: Vec<&Right> = rights.iter().filter(|right| right.purpose == purpose && is_denied(right)).collect();
    let named: Vec<String> = denied.iter().map(|right| format!("{} {}", right.command, right.key)).collect();
    let found = format!("not allowed: {}: {}", named.join(", "), without(purpose));
    let mut grants: Vec<String> = denied.iter().map(|right| format!("+{}", right.command.to_lowercase())).collect();
    grants.dedup();
    // A user who has all keys is refused another pattern.
    let keys = match denied.iter().any(|right| right.why.contains("key")) {
        true => format!("'~{pattern}' "),
        false => String::new(),
    };
    let fix = format!("ACL SETUSER {user} {keys}{}", grants.join(" "));
    match purpose {
        Purpose::Following | Purpose::Reporting | Purpose::Publishing => Finding::fail("rights", found, fix),
        // Another host may do it for all.
        Purpose::Leasing | Purpose::Keeping | Purpose::Trimming => Finding::warn("rights", found, fix),
    }
}

fn without(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Following => "no host of this user can follow the log",
        Purpose::Reporting => "its hosts are missing from status, and the log may be trimmed past them",
        Purpose::Publishing => {
            "it cannot publish, and its hosts begin no scheduled change and bring nothing back after a failover"
        }
        Purpose::Leasing => {
            "its hosts keep no snapshots, begin no scheduled change and bring nothing back after a failover"
        }
        Purpose::Keeping => "its hosts keep no snapshots and no history",
        Purpose::Trimming => "its hosts do not trim the log, which grows",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Grade::{Fail, Ok, Warn};
    use super::*;

    fn right(command: &'static str, purpose: Purpose, allowed: Option<bool>) -> Right {
        Right { command, key: "k".to_owned(), purpose, allowed, why: String::new() }
    }

    #[test]
    fn a_missing_right_is_named_with_what_is_lost_and_the_line_that_grants_it() {
        let look = |rights: &[Right]| look(rights, Some("edge"), "sluice:{shop}:*");
        assert_eq!(look(&[right("XADD", Purpose::Publishing, Some(true))])[0].grade, Ok);
        assert!(look(&[right("XADD", Purpose::Publishing, None)])[0].found.contains("+acl|dryrun"));
        let told = look(&[
            right("XTRIM", Purpose::Trimming, Some(false)),
            right("XADD", Purpose::Publishing, Some(false)),
            right("SET", Purpose::Publishing, Some(false)),
            right("GET", Purpose::Following, Some(true)),
        ]);
        assert_eq!((told.len(), told[0].grade, told[1].grade), (2, Fail, Warn));
        assert!(told[0].found.starts_with("not allowed: XADD k, SET k: it cannot publish"), "{told:?}");
        assert_eq!(told[0].fix, "ACL SETUSER edge +xadd +set");
        let keyless = Right {
            why: "no permissions to access the 'k' key".to_owned(),
            ..right("GET", Purpose::Following, Some(false))
        };
        assert_eq!(look(&[keyless])[0].fix, "ACL SETUSER edge '~sluice:{shop}:*' +get");
        assert!(told[1].found.contains("XTRIM k: its hosts do not trim the log"), "{told:?}");
    }
}

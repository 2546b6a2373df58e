//! A lock that nobody else wants, taken and given back: by one client, and by many with a name each.

use anyhow::Result;

use crate::Scale;
use crate::client::{Client, TTL_MS};
use crate::masters::Masters;
use crate::table::{Goal, Row, median};

/// Clients of the crowd.
const CROWD: usize = 32;

/// What one client took in each round.
#[derive(Default)]
struct Seen {
    p50_us: Vec<f64>,
    crowd: Vec<f64>,
}

impl Seen {
    fn p50_us(&self) -> f64 {
        median(self.p50_us.clone())
    }

    fn crowd(&self) -> f64 {
        median(self.crowd.clone())
    }
}

/// Ours beside the bound, and beside the peer.
///
/// # Errors
/// A lock was not had.
pub async fn rows(scale: Scale, masters: &Masters) -> Result<Vec<Row>> {
    let clients = Client::all(masters).await?;
    let mut seen: Vec<Seen> = clients.iter().map(|_| Seen::default()).collect();
    for round in 0..scale.rounds {
        for turn in 0..clients.len() {
            // Whoever comes first in one round comes later in the next.
            let at = (round + turn) % clients.len();
            seen[at].p50_us.push(median(clients[at].pairs_us(scale.pairs, TTL_MS).await?));
            seen[at].crowd.push(clients[at].crowd(CROWD, scale.crowd_pairs).await?);
        }
    }
    let of = |wanted: fn(&Client) -> bool| clients.iter().position(wanted).map(|at| &seen[at]);
    let mut rows = Vec::new();
    let Some(hand) = of(|client| matches!(client, Client::Hand(_))) else { return Ok(rows) };
    let ours = [("with a token", of(|client| matches!(client, Client::Token(_))), 1.35, 0.9)];
    for (what, ours, ..) in &ours {
        let Some(ours) = ours else { continue };
        let name = format!("acquire and release on 5 masters {what}, p50");
        rows.push(Row::ratio(&name, "us", ours.p50_us(), ("by hand", hand.p50_us()), Goal::AtMost(1.3)));
        let name = format!("the same {what}, {CROWD} clients");
        rows.push(Row::ratio(&name, "/s", ours.crowd(), ("by hand", hand.crowd()), Goal::None));
    }
    #[cfg(feature = "peer")]
    if let Some(peer) = of(|client| matches!(client, Client::Peer(_))) {
        for (what, ours, alone, crowd) in ours {
            let Some(ours) = ours else { continue };
            let (rate, limit) = (1e6 / ours.p50_us(), ("rslock", 1e6 / peer.p50_us()));
            rows.push(Row::ratio(&format!("one client {what}, by p50"), "/s", rate, limit, Goal::AtLeast(alone)));
            let limit = ("rslock", peer.crowd());
            rows.push(Row::ratio(&format!("{CROWD} clients {what}"), "/s", ours.crowd(), limit, Goal::AtLeast(crowd)));
        }
    }
    Ok(rows)
}

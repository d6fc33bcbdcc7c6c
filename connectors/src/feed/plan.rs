//! Which topics share a connection.
//!
//! Topics of one route are packed in the instruments' order; an instrument's topics of one route
//! are never torn apart, so that its book and its best prices come over one connection and can be
//! compared. Hot path: no. Allocates.

use model::instrument::InstrumentSpec;

use super::config::FeedScope;
use super::dialect::{FeedDialect, Topic};

/// Topics of one connection, all of one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Share {
    pub(super) route: u8,
    /// Which of the redundant connections with these topics it is.
    pub(super) leg: usize,
    pub(super) topics: Vec<Topic>,
}

/// The connections that the instruments need.
pub(crate) fn shares<D: FeedDialect>(
    dialect: &D,
    instruments: &[InstrumentSpec],
    scope: &FeedScope,
) -> Vec<Share> {
    let most = D::RULES.topics_per_connection;
    let most = scope
        .topics_per_connection
        .map_or(most, |own| own.min(most));
    let mut done: Vec<Share> = Vec::new();
    let mut filling: Vec<Share> = Vec::new();
    for (slot, spec) in instruments.iter().enumerate() {
        let mut topics = dialect.topics(slot, spec, scope.contents);
        topics.sort_by_key(|topic| topic.route);
        for group in topics.chunk_by(|a, b| a.route == b.route) {
            let Some(route) = group.first().map(|topic| topic.route) else {
                continue;
            };
            let open = filling.iter().position(|share| share.route == route);
            let fits = |share: &Share| share.topics.len() + group.len() <= most;
            let at = match open {
                Some(at) if fits(&filling[at]) => at,
                Some(at) => {
                    done.push(filling.swap_remove(at));
                    filling.push(empty(route));
                    filling.len() - 1
                }
                None => {
                    filling.push(empty(route));
                    filling.len() - 1
                }
            };
            filling[at].topics.extend_from_slice(group);
        }
    }
    done.append(&mut filling);
    if scope.redundant {
        let second = |share: &Share| Share {
            leg: 1,
            ..share.clone()
        };
        let doubles: Vec<_> = done.iter().map(second).collect();
        done.extend(doubles);
    }
    done
}

const fn empty(route: u8) -> Share {
    Share {
        route,
        leg: 0,
        topics: Vec::new(),
    }
}

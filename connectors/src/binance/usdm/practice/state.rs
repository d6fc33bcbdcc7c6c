//! What a practice USD-M keeps beside its exchange: listen keys, their connections, countdowns.

use std::collections::{BTreeMap, BTreeSet};

use crate::practice::server::ClientId;

/// How long a listen key is valid.
const KEY_VALID_MS: i64 = 3_600_000;

/// A listen key.
#[derive(Debug, Clone)]
struct ListenKey {
    text: String,
    until_ms: i64,
}

/// See the module's header.
#[derive(Debug, Default)]
pub(in crate::binance) struct UsdmState {
    keys: BTreeMap<usize, ListenKey>,
    keys_made: u64,
    /// Connections of the private stream: account, and whether their key still is valid.
    listeners: BTreeMap<ClientId, (usize, bool)>,
    /// When everything of an account on an instrument is cancelled, venue time.
    pub(in crate::binance) countdowns: BTreeMap<(usize, usize), i64>,
    /// When mark prices are sent next, server time.
    pub(in crate::binance) marks_due_ns: u64,
}

impl UsdmState {
    /// The account's listen key, the same while it is valid; it is kept for another hour.
    pub(in crate::binance) fn start_key(&mut self, account: usize, now_ms: i64) -> String {
        if self.ping_key(account, now_ms).is_none() {
            self.keys_made += 1;
            let text = format!("practice{account:08}key{:045}", self.keys_made);
            let until_ms = now_ms.saturating_add(KEY_VALID_MS);
            self.keys.insert(account, ListenKey { text, until_ms });
        }
        self.keys[&account].text.clone()
    }

    /// Keeps the account's key for another hour; `None` if there is none.
    pub(in crate::binance) fn ping_key(&mut self, account: usize, now_ms: i64) -> Option<String> {
        let key = self.keys.get_mut(&account)?;
        if now_ms >= key.until_ms {
            return None;
        }
        key.until_ms = now_ms.saturating_add(KEY_VALID_MS);
        Some(key.text.clone())
    }

    /// Ends the account's key.
    pub(in crate::binance) fn stop_key(&mut self, account: usize) {
        self.expire(account);
    }

    /// Takes a connection by its key; false if no account has it.
    pub(in crate::binance) fn listen(&mut self, client: ClientId, key: &str, now_ms: i64) -> bool {
        let valid = |one: &ListenKey| one.text == key && now_ms < one.until_ms;
        let owner = self.keys.iter().find(|(_, one)| valid(one));
        let Some((account, _)) = owner else {
            return false;
        };
        self.listeners.insert(client, (*account, true));
        true
    }

    pub(in crate::binance) fn gone(&mut self, client: ClientId) {
        self.listeners.remove(&client);
    }

    /// All connections of private streams.
    pub(in crate::binance) fn clients(&self) -> impl Iterator<Item = ClientId> {
        self.listeners.keys().copied()
    }

    /// Connections that an account's events go to.
    pub(in crate::binance) fn listeners(&self, account: usize) -> Vec<ClientId> {
        let mine = |(_, (owner, live)): &(&ClientId, &(usize, bool))| *owner == account && *live;
        let found = self.listeners.iter().filter(mine);
        found.map(|(client, _)| *client).collect()
    }

    /// Ends an account's key: its connections stay up and hear nothing more. Who must be told,
    /// and the key.
    fn expire(&mut self, account: usize) -> (Vec<ClientId>, String) {
        let told = self.listeners(account);
        for client in &told {
            if let Some((_, live)) = self.listeners.get_mut(client) {
                *live = false;
            }
        }
        let key = self.keys.remove(&account);
        (told, key.map(|key| key.text).unwrap_or_default())
    }

    /// Ends the keys whose time is over, or all of them: whom to tell, and which key.
    pub(in crate::binance) fn expire_keys(
        &mut self,
        now_ms: i64,
        all: bool,
    ) -> Vec<(Vec<ClientId>, String)> {
        let over = |(_, key): &(&usize, &ListenKey)| all || now_ms >= key.until_ms;
        let ended: BTreeSet<usize> = self.keys.iter().filter(over).map(|(one, _)| *one).collect();
        ended
            .into_iter()
            .map(|account| self.expire(account))
            .collect()
    }

    /// Countdowns that ran out, taken out.
    pub(in crate::binance) fn take_due_countdowns(&mut self, now_ms: i64) -> Vec<(usize, usize)> {
        let due = |(_, at): &(&(usize, usize), &i64)| **at <= now_ms;
        let over: Vec<_> = self
            .countdowns
            .iter()
            .filter(due)
            .map(|(key, _)| *key)
            .collect();
        for key in &over {
            self.countdowns.remove(key);
        }
        over
    }
}

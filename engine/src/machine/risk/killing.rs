//! What follows a kill: the gateways' latches, cancels of everything at once where many orders
//! rest, and the venue's word that nothing does.
//!
//! Orders in the scope are wanted cancelled one by one ([`super::upkeep`]); where many rest in one
//! account and instrument, and none of them is outside of the scope, one `CancelAll` goes first.
//! It is sent again until the orders are gone. When our own books have none left, the venue is
//! asked for its list, again and again, until that says the same.
//!
//! After a restart every kill that is still on is worked at anew: the gateways' last lines are
//! fresh, and what rests at the venue is not known.
//!
//! Hot path: one compare, while there is no work. Allocates: for a kill.

use std::collections::BTreeMap;

use model::body::{CancelAll, Flag, Latch, LinkState, NoticeCode, NoticeLevel};
use model::control::{Control, Scope};
use model::ids::{AccountId, InstrumentId};
use model::record::{Kind, Record};
use serde::{Deserialize, Serialize};

use super::Risk;
use super::flatten::Flattens;
use super::notices::Told;
use super::switches::Switches;
use crate::machine::config::ACCOUNTS_MAX;
use crate::machine::digest::{Digest, Sink};
use crate::machine::orders::{Order, OrderState};
use crate::machine::outputs::Outputs;
use crate::machine::saved::{Unsound, require};

/// From this many orders on, one request cancels them all.
const CANCEL_ALL_FROM: u32 = 8;
/// Pause before a `CancelAll`, or the question for the list, goes again.
const AGAIN_NS: u64 = 500_000_000;

const _: () = assert!(ACCOUNTS_MAX <= u32::BITS as usize);

/// What is left to do for a scope whose kill was pulled or released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Work {
    scope: Scope,
    /// Pulled, or released.
    on: bool,
    /// When.
    since_ns: u64,
    /// Accounts whose gateway was told, by bit.
    told: u32,
    /// Accounts whose venue listed nothing of the scope.
    confirmed: u32,
    /// When the lists were asked for last; 0: not yet.
    asked_ns: u64,
    /// When everything was cancelled at once last; 0: not yet.
    cancelled_ns: u64,
    /// Then its positions are closed, by the request of this number.
    flatten: Option<u64>,
}

/// See the module's header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Killing {
    works: Vec<Work>,
    /// A run's first tick has come: commands may go.
    awake: bool,
    pub(super) flattens: Flattens,
}

/// The same as a snapshot holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedKilling {
    works: Vec<Work>,
    awake: bool,
    flattens: Flattens,
}

impl Killing {
    /// A run starts.
    pub(super) fn restart(&mut self, switches: &Switches, now_ns: u64) {
        self.awake = false;
        let wanted = |killing: &Self, scope: Scope| {
            let works = killing.works.iter().map(|work| (work.scope, work.flatten));
            let all = killing.flattens.all.iter();
            let mut both = works.chain(all.map(|one| (one.scope, Some(one.number))));
            both.find_map(|(of, number)| number.filter(|_| of == scope))
        };
        let killed = switches.all().filter(|(_, switch)| switch.is_killed());
        let works = killed.map(|(scope, _)| Work {
            flatten: wanted(self, scope),
            ..Work::new(scope, true, now_ns)
        });
        self.works = works.collect();
        self.flattens = Flattens::default();
    }

    /// Whether the positions of a scope are to be closed already.
    pub(super) fn is_flattening(&self, scope: Scope) -> bool {
        let waits = |work: &Work| work.scope == scope && work.flatten.is_some();
        self.works.iter().any(waits) || self.flattens.all.iter().any(|one| one.scope == scope)
    }

    /// The positions of a killed scope are to be closed once nothing of it rests.
    pub(super) fn want_flatten(&mut self, scope: Scope, number: u64, now_ns: u64) {
        if !self.works.iter().any(|work| work.scope == scope && work.on) {
            self.start(scope, true, now_ns);
        }
        for work in self.works.iter_mut().filter(|work| work.scope == scope) {
            work.flatten = Some(number);
        }
    }

    /// A person takes that back. Whether it waited.
    pub(super) fn forget_flatten(&mut self, number: u64) -> bool {
        let mut any = false;
        for work in &mut self.works {
            any |= work.flatten.take_if(|own| *own == number).is_some();
        }
        any
    }

    pub(super) const fn is_awake(&self) -> bool {
        self.awake
    }

    /// Time passes in the run.
    pub(super) const fn wake(&mut self) {
        self.awake = true;
    }

    fn start(&mut self, scope: Scope, on: bool, now_ns: u64) {
        self.works.retain(|work| work.scope != scope);
        self.works.push(Work::new(scope, on, now_ns));
    }

    /// What a snapshot has to hold.
    pub(super) fn save(&self) -> SavedKilling {
        let Self {
            works,
            awake,
            flattens,
        } = self;
        SavedKilling {
            works: works.clone(),
            awake: *awake,
            flattens: flattens.clone(),
        }
    }

    /// The work of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Unsound`].
    pub(super) fn restore(saved: &SavedKilling, switches: &Switches) -> Result<Self, Unsound> {
        let sound = |work: &Work| work.on == switches.of(work.scope).is_killed();
        require(saved.works.iter().all(sound), "work of a kill")?;
        let killed = |scope: Scope| switches.of(scope).is_killed();
        let mut all = saved.flattens.all.iter();
        require(all.all(|one| killed(one.scope)), "positions to close")?;
        Ok(Self {
            works: saved.works.clone(),
            awake: saved.awake,
            flattens: saved.flattens.clone(),
        })
    }
}

impl Work {
    const fn new(scope: Scope, on: bool, now_ns: u64) -> Self {
        Self {
            scope,
            on,
            since_ns: now_ns,
            told: 0,
            confirmed: 0,
            asked_ns: 0,
            cancelled_ns: 0,
            flatten: None,
        }
    }
}

const fn bit(account: AccountId) -> u32 {
    1 << account.0
}

impl Risk {
    /// Pulls the kill switch of a scope. Whether it was not on before.
    pub(crate) fn pull_kill(&mut self, scope: Scope, by: Control, request: u64) -> bool {
        if !self.switches.kill(scope, by) {
            return false;
        }
        self.killing.start(scope, true, self.time_ns);
        let told = Told::new(NoticeCode::Killed, NoticeLevel::Hard, scope);
        self.notice(told.by(by, 1, 0).about(request));
        self.want_scope_cancelled(scope);
        let config = self.config.as_ref();
        if config.is_some_and(|config| config.control.flatten_on_kill) {
            // Without a request the event of the kill is its name.
            let number = if request == 0 {
                self.last_event
            } else {
                request
            };
            self.killing.want_flatten(scope, number, self.time_ns);
        }
        true
    }

    /// Releases it. Whether it was on.
    pub(crate) fn release_kill(&mut self, scope: Scope, request: u64) -> bool {
        if !self.switches.release(scope) {
            return false;
        }
        self.killing.start(scope, false, self.time_ns);
        self.stop_flatten(|of, _| of == scope);
        let told = Told::new(NoticeCode::Released, NoticeLevel::Info, scope);
        self.notice(told.by(Control::KillSwitch, 0, 1).about(request));
        true
    }

    fn want_scope_cancelled(&mut self, scope: Scope) {
        let config = &self.config;
        let venue_of = |order: &Order| {
            let account = config.as_ref()?.accounts.get(order.account.index())?;
            Some(account.venue)
        };
        self.orders.update_live(|order| {
            // Held orders stay: they cannot be released while the kill is on.
            if order.state != OrderState::Held && is_in(scope, order, venue_of(order)) {
                order.cancel_wanted = true;
            }
        });
    }

    /// Whether an order is in a scope.
    fn is_within(&self, scope: Scope, order: &Order) -> bool {
        is_in(scope, order, self.venue_of(order.account))
    }

    /// The accounts that a scope reaches, by bit.
    fn accounts_of(&self, scope: Scope) -> u32 {
        let Some(config) = &self.config else {
            return 0;
        };
        let accounts = config
            .accounts
            .iter()
            .zip(0_u16..)
            .map(|(one, id)| (one, AccountId(id)));
        let reached = accounts.filter(|(one, id)| match scope {
            Scope::Overall | Scope::Strategy(_) => true,
            Scope::Venue(venue) => one.venue == venue,
            Scope::Account(account) => *id == account,
            Scope::Instrument(instrument) => self
                .listing(instrument)
                .is_some_and(|listing| listing.spec().venue == one.venue),
        });
        reached.map(|(_, id)| bit(id)).fold(0, |all, one| all | one)
    }

    /// Goes on with what the kills and releases still need.
    pub(super) fn work_at_kills(&mut self, out: &mut Outputs) {
        if !self.killing.awake {
            return;
        }
        let mut index = 0;
        while let Some(&work) = self.killing.works.get(index) {
            let (work, done) = self.work_at(work, out);
            if done {
                self.killing.works.remove(index);
            } else {
                self.killing.works[index] = work;
                index += 1;
            }
        }
    }

    fn work_at(&mut self, mut work: Work, out: &mut Outputs) -> (Work, bool) {
        let accounts = self.accounts_of(work.scope);
        for account in (0..).map(AccountId).take(ACCOUNTS_MAX) {
            let wanted = accounts & !work.told & bit(account) != 0;
            if wanted && self.has_room() {
                self.send_latch(account, work.scope, work.on, out);
                work.told |= bit(account);
            }
        }
        let told = work.told & accounts == accounts;
        if !work.on {
            return (work, told);
        }
        let now = self.time_ns;
        let again = |last: u64| last == 0 || now.saturating_sub(last) >= AGAIN_NS;
        let rests =
            |order: &Order| order.state != OrderState::Held && self.is_within(work.scope, order);
        let rests = self.orders.live().any(rests);
        if rests {
            if again(work.cancelled_ns) && self.cancel_scope_at_once(work.scope, out) {
                work.cancelled_ns = now;
            }
            work.asked_ns = 0;
            work.confirmed = 0;
        } else if work.confirmed & accounts == accounts {
            let took = i64::try_from(now.saturating_sub(work.since_ns)).unwrap_or(i64::MAX);
            let told = Told::new(NoticeCode::ConfirmedEmpty, NoticeLevel::Info, work.scope);
            self.notice(told.by(Control::KillSwitch, took, 0));
            if let Some(number) = work.flatten {
                self.start_flatten(work.scope, number);
            }
            return (work, true);
        } else if again(work.asked_ns) {
            work.asked_ns = now;
            for account in (0..).map(AccountId).take(ACCOUNTS_MAX) {
                let open = accounts & !work.confirmed & bit(account) != 0;
                if let Some(wanted) = self.lists_wanted.get_mut(account.index()).filter(|_| open) {
                    *wanted = true;
                }
            }
            self.ask_for_lists(out);
        }
        (work, false)
    }

    /// The venue's list of an account came.
    pub(super) fn kills_see_list(&mut self, account: AccountId, ours: u64) {
        if self.killing.works.is_empty() {
            return;
        }
        for index in 0..self.killing.works.len() {
            let work = self.killing.works[index];
            if !work.on || work.asked_ns == 0 {
                continue;
            }
            // Orders outside of the scope may rest.
            let (mut inside, mut outside) = (false, 0);
            let there =
                |order: &&Order| order.account == account && order.state != OrderState::Held;
            for order in self.orders.live().filter(there) {
                let within = self.is_within(work.scope, order);
                inside |= within;
                outside += u64::from(!within);
            }
            if !inside && ours <= outside {
                self.killing.works[index].confirmed |= bit(account);
            }
        }
    }

    fn send_latch(&mut self, account: AccountId, scope: Scope, on: bool, out: &mut Outputs) {
        let body = Latch {
            command: self.commands + 1,
            scope_id: scope.id(),
            scope: scope.kind(),
            on: Flag::from(on),
            reserved: [0; 66],
        };
        self.approve(Record::new(Kind::Latch, &body).on_account(account), 0, out);
    }

    /// Cancels with one request wherever many orders of the scope, and none else, rest. Whether it
    /// found room for all that it wanted to send.
    fn cancel_scope_at_once(&mut self, scope: Scope, out: &mut Outputs) -> bool {
        let now = self.time_ns;
        let mut groups: BTreeMap<(AccountId, InstrumentId), (u32, u32)> = BTreeMap::new();
        for order in self.orders.live() {
            let (mine, others) = groups.entry((order.account, order.instrument)).or_default();
            if !self.is_within(scope, order) {
                *others += 1;
            } else if is_due(order, now) {
                *mine += 1;
            }
        }
        for ((account, instrument), (mine, others)) in groups {
            let up = self.order_link(account) == LinkState::Up;
            if mine < CANCEL_ALL_FROM || others > 0 || !up {
                continue;
            }
            if !self.has_room() {
                return false;
            }
            let number = self.commands + 1;
            let body = CancelAll {
                command: number,
                reserved: [0; 72],
            };
            let record = Record::new(Kind::CancelAll, &body)
                .on_instrument(instrument)
                .on_account(account);
            let pause = self.cancel_pause_ns();
            self.orders.update_live(|order| {
                let meant = (order.account, order.instrument) == (account, instrument);
                if meant && is_due(order, now) {
                    order.cancel.start(number, now, pause);
                }
            });
            self.approve(record, 0, out);
        }
        true
    }

    /// A `CancelAll` did not leave: its orders are free to be cancelled again.
    pub(super) fn on_cancel_all_failed(&mut self, record: &Record) {
        let (account, instrument) = (record.account(), record.instrument());
        self.orders.update_live(|order| {
            let meant = Some(order.account) == account
                && instrument.is_none_or(|instrument| instrument == order.instrument);
            if meant {
                order.cancel.pending_ns = None;
            }
        });
    }
}

fn is_in(scope: Scope, order: &Order, venue: Option<model::ids::VenueId>) -> bool {
    match scope {
        Scope::Overall => true,
        Scope::Venue(wanted) => venue == Some(wanted),
        Scope::Account(account) => order.account == account,
        Scope::Strategy(strategy) => order.strategy == Some(strategy),
        Scope::Instrument(instrument) => order.instrument == instrument,
    }
}

/// Whether an order may be cancelled now, or its cancel is overdue.
fn is_due(order: &Order, now_ns: u64) -> bool {
    let overdue = |since: u64| now_ns.saturating_sub(since) >= AGAIN_NS;
    order.is_cancellable()
        && (order.cancel.is_free(now_ns) || order.cancel.pending_ns.is_some_and(overdue))
}

impl Digest for Killing {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.awake);
        sink.number(self.works.len() as u64);
        for work in &self.works {
            sink.value(work);
        }
        sink.value(&self.flattens);
    }
}

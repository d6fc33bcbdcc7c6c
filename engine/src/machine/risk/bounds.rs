//! Limits before the order, compiled so that a check finds its own without a search.
//!
//! A limit is a control in a scope with a hard value and, if wanted, a soft one. Where a scope has
//! none, nothing is checked there; the other scopes' limits hold all the same.
//!
//! Hot path: yes. Allocates: only when limits are set.

use model::control::{Control, Scope, ScopeKind};
use model::ids::{AccountId, InstrumentId, StrategyId, VenueId};

/// Controls before the order that have values by scope.
const CONTROLS: [Control; 16] = [
    Control::MaxQuantity,
    Control::MaxValue,
    Control::PriceCollar,
    Control::CollarPeriod,
    Control::Duplicate,
    Control::OpenOrders,
    Control::OpenValue,
    Control::Position,
    Control::PositionValue,
    Control::GrossValue,
    Control::Capital,
    Control::Haircut,
    Control::MessageRate,
    Control::MessageBurst,
    Control::MessageReserve,
    Control::OrderToTrade,
];

/// A soft and a hard value; `i64::MAX` for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) soft: i64,
    pub(crate) hard: i64,
}

impl Bound {
    /// No limit.
    pub(crate) const NONE: Self = Self {
        soft: i64::MAX,
        hard: i64::MAX,
    };

    /// Only a hard value.
    pub(crate) const fn hard(hard: i64) -> Self {
        Self {
            soft: i64::MAX,
            hard,
        }
    }
}

/// The limits of a scope, and where else something is kept for it.
#[derive(Debug, Clone, Copy)]
struct Row {
    bounds: [Bound; CONTROLS.len()],
    /// Bit by column: whether there is a limit.
    used: u32,
    places: Places,
}

impl Row {
    const EMPTY: Self = Self {
        bounds: [Bound::NONE; CONTROLS.len()],
        used: 0,
        places: Places::NONE,
    };
}

/// Where something is kept for a scope, so that an order need not search; `u32::MAX` for nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Places {
    /// Among what is counted over time.
    pub(super) counted: u32,
    /// Among the buckets.
    pub(super) bucket: u32,
}

impl Places {
    const NONE: Self = Self {
        counted: u32::MAX,
        bucket: u32::MAX,
    };
}

/// Column of each control by its code; beyond the columns for one that has none.
const COLUMNS: [u8; 256] = {
    let mut columns = [u8::MAX; 256];
    let mut column = 0;
    while column < CONTROLS.len() {
        columns[CONTROLS[column] as usize] = column as u8;
        column += 1;
    }
    columns
};

#[inline]
fn column(control: Control) -> Option<usize> {
    let column = *COLUMNS.get(control as usize)?;
    (usize::from(column) < CONTROLS.len()).then_some(usize::from(column))
}

/// See the module's header.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bounds {
    /// The rows that have a limit, by scope.
    rows: Vec<Row>,
    overall: Option<u32>,
    venues: Vec<Option<u32>>,
    accounts: Vec<Option<u32>>,
    strategies: Vec<Option<u32>>,
    instruments: Vec<Option<u32>>,
    /// Bit by column: whether any scope has a limit of the control.
    used: u32,
}

impl Bounds {
    /// Compiles limits; those of other controls are passed over. A later one of the same control
    /// and scope replaces an earlier one.
    pub(crate) fn compile(limits: impl Iterator<Item = (Control, Scope, Bound)>) -> Self {
        let mut bounds = Self::default();
        for (control, scope, bound) in limits {
            if let Some(column) = column(control) {
                let row = bounds.row(scope);
                let row = &mut bounds.rows[row];
                row.bounds[column] = bound;
                row.used &= !(1 << column);
                row.used |= u32::from(bound != Bound::NONE) << column;
                bounds.used |= 1 << column;
            }
        }
        bounds
    }

    /// Notes where else something is kept for each scope with limits.
    pub(super) fn keep_places(&mut self, of: impl Fn(Scope) -> Places) {
        let id = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        let kinds: [(ScopeKind, &[Option<u32>]); 5] = [
            (ScopeKind::Overall, std::slice::from_ref(&self.overall)),
            (ScopeKind::Venue, &self.venues),
            (ScopeKind::Account, &self.accounts),
            (ScopeKind::Strategy, &self.strategies),
            (ScopeKind::Instrument, &self.instruments),
        ];
        for (kind, rows) in kinds {
            for (index, row) in rows.iter().enumerate() {
                let scope = Scope::from_parts(kind, id(index));
                if let (Some(row), Some(scope)) = (*row, scope) {
                    self.rows[row as usize].places = of(scope);
                }
            }
        }
    }

    /// The scopes that limit what is summed over time.
    pub(crate) fn over_time(&self) -> Vec<Scope> {
        self.scopes_with(&[Control::CollarPeriod, Control::OrderToTrade])
    }

    /// The scopes that have a limit of a control.
    pub(crate) fn scopes_of(&self, control: Control) -> Vec<Scope> {
        self.scopes_with(&[control])
    }

    fn scopes_with(&self, controls: &[Control]) -> Vec<Scope> {
        let id = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        let kinds: [(ScopeKind, &[Option<u32>]); 5] = [
            (ScopeKind::Overall, std::slice::from_ref(&self.overall)),
            (ScopeKind::Venue, &self.venues),
            (ScopeKind::Account, &self.accounts),
            (ScopeKind::Strategy, &self.strategies),
            (ScopeKind::Instrument, &self.instruments),
        ];
        let limited = |scope: &Scope| {
            controls
                .iter()
                .any(|control| self.at(*control, *scope) != Bound::NONE)
        };
        kinds
            .into_iter()
            .flat_map(|(kind, rows)| {
                let with_row = rows.iter().enumerate().filter(|(_, row)| row.is_some());
                with_row.filter_map(move |(index, _)| Scope::from_parts(kind, id(index)))
            })
            .filter(limited)
            .collect()
    }

    fn row(&mut self, scope: Scope) -> usize {
        let next = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let place = match scope {
            Scope::Overall => &mut self.overall,
            Scope::Venue(id) => place_in(&mut self.venues, id.index()),
            Scope::Account(id) => place_in(&mut self.accounts, id.index()),
            Scope::Strategy(id) => place_in(&mut self.strategies, id.index()),
            Scope::Instrument(id) => place_in(&mut self.instruments, id.index()),
        };
        let row = *place.get_or_insert(next);
        if row == next {
            self.rows.push(Row::EMPTY);
        }
        row as usize
    }

    /// The limit of a control in a scope.
    #[inline]
    pub(crate) fn at(&self, control: Control, scope: Scope) -> Bound {
        let row = match scope {
            Scope::Overall => self.overall,
            Scope::Venue(id) => found(&self.venues, id.index()),
            Scope::Account(id) => found(&self.accounts, id.index()),
            Scope::Strategy(id) => found(&self.strategies, id.index()),
            Scope::Instrument(id) => found(&self.instruments, id.index()),
        };
        match (row, column(control)) {
            (Some(row), Some(column)) => self.rows[row as usize].bounds[column],
            (None, _) | (_, None) => Bound::NONE,
        }
    }

    /// Whether any scope limits the control.
    #[inline]
    pub(crate) fn limits(&self, control: Control) -> bool {
        column(control).is_some_and(|column| self.used >> column & 1 == 1)
    }

    /// Every limit that holds for an order, found once.
    #[inline]
    pub(crate) fn for_order(&self, whose: Whose) -> Own<'_> {
        let rows = [
            self.overall,
            found(&self.venues, whose.venue.index()),
            found(&self.accounts, whose.account.index()),
            found(&self.strategies, whose.strategy.index()),
            found(&self.instruments, whose.instrument.index()),
        ];
        let row = |row: Option<u32>| row.and_then(|row| self.rows.get(row as usize));
        Own {
            rows: rows.map(|place| row(place).unwrap_or(&Row::EMPTY)),
            scopes: whose.scopes(),
        }
    }
}

/// Scopes that an order falls under.
const SCOPES: usize = 5;

/// The limits that hold for one order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own<'a> {
    rows: [&'a Row; SCOPES],
    scopes: [Scope; SCOPES],
}

impl Own<'_> {
    /// The limits of a control, with their scopes, from the widest to the narrowest.
    #[inline(always)]
    pub(crate) fn of(&self, control: Control) -> impl Iterator<Item = (Scope, Bound)> + '_ {
        self.with_places(control)
            .map(|(scope, bound, _)| (scope, bound))
    }

    /// The same, with where else something is kept for the scope.
    #[inline(always)]
    pub(super) fn with_places(
        &self,
        control: Control,
    ) -> impl Iterator<Item = (Scope, Bound, Places)> + '_ {
        let column = column(control);
        let bit = |column: usize, at: usize| (self.rows[at].used >> column & 1) << at;
        let limits = |column| (0..SCOPES).fold(0, |limits, at| limits | bit(column, at));
        let mut left: u32 = column.map_or(0, limits);
        let column = column.unwrap_or(0);
        std::iter::from_fn(move || {
            let at = left.trailing_zeros() as usize;
            let (row, scope) = (self.rows.get(at)?, self.scopes.get(at)?);
            left &= left - 1;
            Some((*scope, row.bounds[column], row.places))
        })
    }

    /// Places of the buckets that a message of it takes from, in their sequence; then none.
    #[inline]
    pub(super) fn buckets(&self) -> [u32; 3] {
        // Neither everything nor an instrument has one.
        let [_, venue, account, strategy, _] = self.rows.map(|row| row.places.bucket);
        let mut places = [venue, account, strategy];
        places.sort_unstable();
        places
    }

    /// The strictest collar, 1/10_000.
    #[inline]
    pub(super) fn collar_bps(&self) -> i64 {
        let all = self.of(Control::PriceCollar);
        all.fold(10_000, |least, (_, bound)| {
            least.min(bound.hard).min(bound.soft)
        })
    }
}

fn place_in(places: &mut Vec<Option<u32>>, index: usize) -> &mut Option<u32> {
    if places.len() <= index {
        places.resize(index + 1, None);
    }
    &mut places[index]
}

fn found(places: &[Option<u32>], index: usize) -> Option<u32> {
    places.get(index).copied().flatten()
}

/// Whose order it is: every scope that it falls under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whose {
    pub(crate) venue: VenueId,
    pub(crate) account: AccountId,
    pub(crate) strategy: StrategyId,
    pub(crate) instrument: InstrumentId,
}

impl Whose {
    /// From the widest to the narrowest.
    pub(crate) const fn scopes(self) -> [Scope; 5] {
        [
            Scope::Overall,
            Scope::Venue(self.venue),
            Scope::Account(self.account),
            Scope::Strategy(self.strategy),
            Scope::Instrument(self.instrument),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_in_their_scope_only() {
        let mine = Scope::Strategy(StrategyId(2));
        let limits = [
            (Control::MaxQuantity, mine, Bound { soft: 5, hard: 7 }),
            (Control::MaxValue, Scope::Overall, Bound::hard(9)),
            (Control::DailyLoss, Scope::Overall, Bound::hard(1)),
        ];
        let bounds = Bounds::compile(limits.into_iter());
        let whose = |strategy| Whose {
            venue: VenueId(0),
            account: AccountId(1),
            strategy: StrategyId(strategy),
            instrument: InstrumentId(3),
        };
        let of = |control, strategy| {
            let own = bounds.for_order(whose(strategy));
            own.of(control).collect::<Vec<_>>()
        };
        let quantity = of(Control::MaxQuantity, 2);
        assert_eq!(quantity, [(mine, Bound { soft: 5, hard: 7 })]);
        assert_eq!(of(Control::MaxQuantity, 1), []);
        assert_eq!(of(Control::MaxValue, 1), [(Scope::Overall, Bound::hard(9))]);
        assert!(
            !bounds.limits(Control::DailyLoss),
            "not one before the order"
        );
    }

    #[test]
    fn bounds_come_from_the_widest_scope_to_the_narrowest_and_none_is_none() {
        let scopes = [
            Scope::Instrument(InstrumentId(3)),
            Scope::Overall,
            Scope::Strategy(StrategyId(2)),
        ];
        let control = Control::MaxQuantity;
        let limits = scopes.map(|scope| (control, scope, Bound::hard(5)));
        let taken_back = (control, scopes[2], Bound::NONE);
        let mut bounds = Bounds::compile(limits.into_iter().chain([taken_back]));
        bounds.keep_places(|scope| Places {
            counted: scope.id(),
            bucket: 9 - scope.id(),
        });
        let own = bounds.for_order(Whose {
            venue: VenueId(0),
            account: AccountId(1),
            strategy: StrategyId(2),
            instrument: InstrumentId(3),
        });
        let found = own.with_places(control);
        let found: Vec<_> = found.map(|(scope, _, at)| (scope, at.counted)).collect();
        assert_eq!(found, [(scopes[1], 0), (scopes[0], 3)]);
        assert_eq!(own.buckets(), [7, u32::MAX, u32::MAX], "the strategy's");
        assert_eq!(own.collar_bps(), 10_000, "none is all");
    }
}

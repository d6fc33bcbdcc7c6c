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

type Row = [Bound; CONTROLS.len()];

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
                bounds.rows[row][column] = bound;
                bounds.used |= 1 << column;
            }
        }
        bounds
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
            self.rows.push([Bound::NONE; CONTROLS.len()]);
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
            (Some(row), Some(column)) => self.rows[row as usize][column],
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
        Own {
            rows: rows.map(|row| row.and_then(|row| self.rows.get(row as usize))),
            scopes: whose.scopes(),
            used: self.used,
        }
    }

    /// The limits of a control that hold for an order, with their scopes.
    #[inline]
    pub(crate) fn of(
        &self,
        control: Control,
        whose: Whose,
    ) -> impl Iterator<Item = (Scope, Bound)> + '_ {
        let scopes = if self.limits(control) { SCOPES } else { 0 };
        let scopes = whose.scopes().into_iter().take(scopes);
        scopes
            .map(move |scope| (scope, self.at(control, scope)))
            .filter(|(_, bound)| *bound != Bound::NONE)
    }
}

/// Scopes that an order falls under.
const SCOPES: usize = 5;

/// The limits that hold for one order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own<'a> {
    rows: [Option<&'a Row>; SCOPES],
    scopes: [Scope; SCOPES],
    used: u32,
}

impl<'a> Own<'a> {
    /// The limits of a control, with their scopes, from the widest to the narrowest.
    #[inline(always)]
    pub(crate) fn of(&self, control: Control) -> impl Iterator<Item = (Scope, Bound)> + '_ {
        let column = column(control).filter(|column| self.used >> column & 1 == 1);
        let scopes = if column.is_some() { SCOPES } else { 0 };
        let column = column.unwrap_or(0);
        let rows = self.rows[..scopes].iter().zip(&self.scopes);
        rows.filter_map(move |(row, scope)| {
            let bound = (*row)?[column];
            (bound != Bound::NONE).then_some((*scope, bound))
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
        let of = |control, strategy| bounds.of(control, whose(strategy)).collect::<Vec<_>>();
        let quantity = of(Control::MaxQuantity, 2);
        assert_eq!(quantity, [(mine, Bound { soft: 5, hard: 7 })]);
        assert_eq!(of(Control::MaxQuantity, 1), []);
        assert_eq!(of(Control::MaxValue, 1), [(Scope::Overall, Bound::hard(9))]);
        assert!(
            !bounds.limits(Control::DailyLoss),
            "not one before the order"
        );
    }
}

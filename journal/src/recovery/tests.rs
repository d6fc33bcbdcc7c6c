//! The table decides every case, and only once.

use super::*;

#[test]
fn cases_every_combination_has_one_row() {
    for &promised in &[Promised::Yes, Promised::No] {
        for &behind in ANYTHING {
            for &boot in ANY_BOOT {
                let rows = CASES.iter().filter(|case| {
                    case.promised.contains(&promised)
                        && case.behind.contains(&behind)
                        && case.boot.contains(&boot)
                });
                assert_eq!(rows.count(), 1, "{promised:?} {behind:?} {boot:?}");
            }
        }
    }
}

//! Row 31: which program and configuration run. Another one than in the run before is told; a
//! feature's number that gets another name is refused, so that no dead switch comes back to life.
//!
//! Hot path: no. Allocates: yes.

use model::body::{NoticeCode, NoticeLevel};
use model::control::{Control, Scope};

use super::{Risk, Told};
use crate::machine::config::MachineConfig;
use crate::machine::control_config::FeatureConfig;
use crate::machine::error::ApplyError;

impl Risk {
    /// Looks at a new configuration before it is taken.
    ///
    /// # Errors
    ///
    /// [`ApplyError::Renamed`]: a feature has another name than this log knows.
    pub(in crate::machine::risk) fn watch_deployment(
        &mut self,
        event: u64,
        new: &MachineConfig,
    ) -> Result<(), ApplyError> {
        let known = &mut self.watch.features;
        for feature in &new.control.features {
            let FeatureConfig { number, name } = feature;
            match known.binary_search_by_key(number, |one| one.number) {
                Ok(place) if known[place].name != *name => {
                    return Err(ApplyError::Renamed {
                        event,
                        what: "feature",
                        id: *number,
                        old: known[place].name.clone(),
                        new: name.clone(),
                    });
                }
                Ok(_) => {}
                Err(place) => known.insert(place, feature.clone()),
            }
        }
        let Some(old) = &self.config else {
            return Ok(());
        };
        let program = old.control.program != new.control.program;
        let config = {
            let mut same = new.clone();
            same.control.program = old.control.program;
            same != *old
        };
        // Value: 1 for another program, 2 for another configuration, 3 for both.
        let what = i64::from(program) + 2 * i64::from(config);
        if what > 0 {
            let told = Told::new(NoticeCode::Deployment, NoticeLevel::Soft, Scope::Overall);
            self.notice(told.by(Control::Deployment, what, 0));
        }
        Ok(())
    }
}

//! What an operator may change while a scan runs: the only object of a job that is ever replaced.

use serde::{Deserialize, Serialize};

/// The content of `control.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// Its own form: 1.
    pub v: u32,
    /// Read capacity units a second for the whole fleet.
    pub read_budget: u32,
    /// Whether nothing is to be read for now.
    pub paused: bool,
}

/// A control object that is none.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Not JSON of its form.
    #[error("control.json cannot be read")]
    Form(#[from] serde_json::Error),
    /// Of another version, or without a budget.
    #[error(
        "control.json of version {v} gives a budget of {read_budget}: version 1 and at least 1 are expected"
    )]
    Content {
        /// The version it says.
        v: u32,
        /// The budget it gives.
        read_budget: u32,
    },
}

impl Control {
    /// This budget, not paused.
    pub fn of_budget(read_budget: u32) -> Self {
        Self { v: 1, read_budget, paused: false }
    }

    /// The object's bytes.
    pub fn to_json(self) -> Vec<u8> {
        let mut json = serde_json::to_vec(&self).expect("a control is plain data");
        json.push(b'\n');
        json
    }

    /// Reads it.
    pub fn parse(json: &[u8]) -> Result<Self, ControlError> {
        let control: Self = serde_json::from_slice(json)?;
        match control {
            Self { v: 1, read_budget: 1.., .. } => Ok(control),
            Self { v, read_budget, .. } => Err(ControlError::Content { v, read_budget }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_operator_set_is_what_a_worker_reads() {
        let control = Control { paused: true, ..Control::of_budget(25) };
        assert_eq!(control.to_json(), b"{\"v\":1,\"read_budget\":25,\"paused\":true}\n");
        assert_eq!(Control::parse(&control.to_json()).unwrap(), control);
    }

    #[test]
    fn a_control_that_would_stop_or_mislead_is_refused() {
        for wrong in [Control { v: 2, ..Control::of_budget(25) }, Control::of_budget(0)] {
            assert!(matches!(Control::parse(&wrong.to_json()), Err(ControlError::Content { .. })));
        }
        assert!(matches!(Control::parse(b"{}"), Err(ControlError::Form(_))));
    }
}

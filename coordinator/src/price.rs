//! What a job will cost and how long it will take: every way that is open, from a file of prices and a few measured figures.
//! Estimates, printed as such; nothing is decided by them but a refusal that was asked for.

mod ways;

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

pub use ways::{Fleet, Requests, Way, convert, export, read_units, requests, scan};

/// The prices that come with the program.
const PRICES: &str = include_str!("../prices.json");

/// Prices of one region.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The day they were looked up.
    pub date: String,
    /// The region they are of.
    pub region: String,
    /// What they are in.
    pub currency: String,
    /// Where they were looked up.
    pub sources: Vec<String>,
    read_request_units_per_million: f64,
    provisioned_read_unit_hour: f64,
    export_per_gb: f64,
    point_in_time_recovery_per_gb_month: f64,
    s3_put_per_thousand: f64,
    s3_get_per_thousand: f64,
    s3_storage_per_gb_month: f64,
    sqs_requests_per_million: f64,
    fargate_vcpu_hour: f64,
    fargate_gb_hour: f64,
}

/// Prices that cannot be used, or that are too high.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// The file cannot be read.
    #[error("the prices in {file} cannot be read")]
    Read {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is none of prices.
    #[error("{file} is no file of prices")]
    Form {
        /// The file.
        file: String,
        /// Why.
        source: serde_json::Error,
    },
    /// More than may be spent.
    #[error("{way} would cost about {cost:.2} {currency}, and at most {max} may be spent")]
    TooDear {
        /// The way.
        way: &'static str,
        /// What it would cost.
        cost: f64,
        /// What in.
        currency: String,
        /// What may be spent.
        max: f64,
    },
    /// Longer than it may take.
    #[error("{way} would take about {} minutes, and it may take {} at most", minutes(.takes), minutes(.max))]
    TooLong {
        /// The way.
        way: &'static str,
        /// How long it would take.
        takes: Duration,
        /// How long it may take.
        max: Duration,
    },
}

fn minutes(time: &Duration) -> u64 {
    time.as_secs().div_ceil(60)
}

impl Prices {
    /// What so many read units cost where they are paid by the request.
    pub fn of_read_units(&self, units: f64) -> f64 {
        units / 1e6 * self.read_request_units_per_million
    }

    /// Those of `file`, or those that come with the program.
    pub fn read(file: Option<&Path>) -> Result<Self, PriceError> {
        let Some(file) = file else {
            return Ok(serde_json::from_str(PRICES).expect("a test reads the prices that come along"));
        };
        let name = || file.display().to_string();
        let json = std::fs::read(file).map_err(|source| PriceError::Read { file: name(), source })?;
        serde_json::from_slice(&json).map_err(|source| PriceError::Form { file: name(), source })
    }
}

/// What a job may cost and how long it may take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ceiling {
    /// In the currency of the prices.
    pub cost: Option<f64>,
    /// From start to finish.
    pub duration: Option<Duration>,
}

impl Ceiling {
    /// Whether anything goes: nothing need be reckoned then.
    pub fn is_none(&self) -> bool {
        self.cost.is_none() && self.duration.is_none()
    }

    /// Refuses a way that is above it.
    pub fn check(&self, way: &Way, prices: &Prices) -> Result<(), PriceError> {
        let cost = way.cost();
        if let Some(max) = self.cost
            && cost > max
        {
            return Err(PriceError::TooDear { way: way.name, cost, currency: prices.currency.clone(), max });
        }
        match self.duration {
            Some(max) if way.takes > max => Err(PriceError::TooLong { way: way.name, takes: way.takes, max }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prices_that_come_along_can_be_read_and_are_all_above_nought() {
        let prices = Prices::read(None).unwrap();
        assert_eq!((prices.region.as_str(), prices.currency.as_str()), ("us-east-1", "USD"));
        let json: serde_json::Value = serde_json::from_str(PRICES).unwrap();
        let figures: Vec<f64> =
            json.as_object().unwrap().values().filter_map(|value| value.as_f64()).collect();
        assert_eq!(figures.len(), 10);
        assert!(figures.iter().all(|figure| *figure > 0.0));
    }

    #[test]
    fn prices_of_ones_own_are_checked() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("prices.json");
        assert!(matches!(Prices::read(Some(&file)), Err(PriceError::Read { .. })));
        std::fs::write(&file, PRICES.replace("us-east-1", "eu-north-1")).unwrap();
        assert_eq!(Prices::read(Some(&file)).unwrap().region, "eu-north-1");
        std::fs::write(&file, PRICES.replace("export_per_gb", "export_per_tb")).unwrap();
        assert!(matches!(Prices::read(Some(&file)), Err(PriceError::Form { .. })));
    }
}

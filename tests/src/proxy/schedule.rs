//! When which fault happens: a pure function of the seed, the request's kind and subject, and how often that
//! subject was asked for before.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest as _, Sha256};

use super::fault::Fault;
use super::kind::Kind;

/// What happens from now on. The first rule that strikes decides; the default has none.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    seed: u64,
    rules: Vec<Rule>,
}

/// Some faults for some requests.
#[derive(Debug, Clone)]
pub struct Rule {
    /// One of them is drawn, of those that suit the request.
    pub faults: Vec<Fault>,
    /// Which requests.
    pub filter: Filter,
    /// How many of those.
    pub often: Often,
}

/// Which requests are meant; the default means all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only these kinds; all when empty.
    pub kinds: Vec<Kind>,
    /// Only with this in their subject.
    pub within: String,
    /// Not before the subject was asked for this often.
    pub after: u64,
}

/// How many of the requests that a rule means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Often {
    /// This share of them.
    Share(f64),
    /// The first so many for each subject.
    First(u64),
    /// All.
    Always,
}

/// A request as a schedule sees it.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// Its kind.
    pub kind: Kind,
    /// What it is about.
    pub subject: &'a str,
    /// How often that was asked for before.
    pub nth: u64,
}

/// A fault that is to happen.
#[derive(Debug)]
pub struct Strike {
    /// Which.
    pub fault: Fault,
    /// For whatever else it has to choose.
    pub chance: ChaCha8Rng,
}

impl Schedule {
    /// Nothing yet.
    pub fn seeded(seed: u64) -> Self {
        Self { seed, rules: Vec::new() }
    }

    /// These faults for a share of all requests.
    pub fn storm(seed: u64, share: f64, faults: &[Fault]) -> Self {
        Self::seeded(seed).with(faults, Filter::default(), Often::Share(share))
    }

    /// One more rule, behind those that are there.
    #[must_use]
    pub fn with(mut self, faults: &[Fault], filter: Filter, often: Often) -> Self {
        self.rules.push(Rule { faults: faults.to_vec(), filter, often });
        self
    }

    /// What happens to a request.
    pub fn strike(&self, sight: &Sight<'_>) -> Option<Strike> {
        let mut chance = self.chance(sight);
        let fault = self.rules.iter().find_map(|rule| rule.fault(sight, &mut chance))?;
        Some(Strike { fault, chance })
    }

    fn chance(&self, sight: &Sight<'_>) -> ChaCha8Rng {
        let Sight { kind, subject, nth } = sight;
        let seed = Sha256::digest(format!("{} {kind:?} {subject} {nth}", self.seed));
        ChaCha8Rng::from_seed(seed.into())
    }
}

impl Rule {
    fn fault(&self, sight: &Sight<'_>, chance: &mut ChaCha8Rng) -> Option<Fault> {
        let faults: Vec<Fault> =
            self.faults.iter().copied().filter(|fault| fault.suits(sight.kind)).collect();
        if faults.is_empty() || !self.filter.takes(sight) || !self.often.strikes(sight.nth, chance) {
            return None;
        }
        Some(faults[chance.random_range(0..faults.len())])
    }
}

impl Filter {
    /// All requests of these kinds.
    pub fn of(kinds: &[Kind]) -> Self {
        Self { kinds: kinds.to_vec(), ..Self::default() }
    }

    /// Of those, only the ones with `fragment` in their subject.
    #[must_use]
    pub fn within(self, fragment: &str) -> Self {
        Self { within: fragment.to_owned(), ..self }
    }

    /// Of those, not the first `times` for each subject.
    #[must_use]
    pub fn after(self, times: u64) -> Self {
        Self { after: times, ..self }
    }

    /// Whether a request is meant.
    pub fn takes(&self, sight: &Sight<'_>) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&sight.kind))
            && sight.subject.contains(&self.within)
            && sight.nth >= self.after
    }
}

impl Often {
    fn strikes(self, nth: u64, chance: &mut ChaCha8Rng) -> bool {
        match self {
            Self::Share(share) => chance.random::<f64>() < share,
            Self::First(times) => nth < times,
            Self::Always => true,
        }
    }
}

//! What the lines of a data file hold, one module a profile.

use super::Profile;
use super::draw::Draw;

mod telemetry;
mod tiny;
mod wide;
mod blob;
mod unicode;
mod hazards;

/// The endless lines of one data file; an export takes as many as the file has items.
pub(super) trait Lines {
    /// Appends the next line, newline included. Its key is that of no other line of any file of the seed.
    fn append(&mut self, out: &mut Vec<u8>);
}

/// The lines of file `file`: a function of the profile, the seed and the file's place, and of nothing else.
pub(super) fn lines(profile: Profile, seed: u64, file: u32) -> Box<dyn Lines> {
    let origin = Origin { seed, file, draw: Draw::of_file(seed, file), items: 0 };
    match profile {
        Profile::Telemetry => Box::new(telemetry::Telemetry::new(origin)),
        Profile::Tiny => Box::new(tiny::Tiny::new(origin)),
        Profile::Wide => Box::new(wide::Wide::new(origin)),
        Profile::Blob => Box::new(blob::Blob::new(origin)),
        Profile::Unicode => Box::new(unicode::Unicode::new(origin)),
    }
}

/// Where the values of a file come from: its dice, and numbers for its keys.
struct Origin {
    seed: u64,
    file: u32,
    draw: Draw,
    items: u64,
}

impl Origin {
    /// A number that was not given before, in any file of this seed.
    fn unique(&mut self) -> u64 {
        let ordinal = self.items;
        self.items += 1;
        super::identity::unique(self.seed, self.file, ordinal)
    }
}

/// 2026-01-01T00:00:00Z, before the export's default time: nothing in an export is younger than the export.
const NEW_YEAR_MILLIS: i64 = 1_767_225_600_000;
const DAY_MILLIS: i64 = 86_400_000;

//! A conversion driven to its end, and what holds of every outcome.

use std::io::Read as _;
use std::sync::Arc;

use backfleet_convert::{
    Census, Compression, Converter, CountError, Counter, Format, Input, InputError, Quarantined, Recipe,
    Shard, Step, Totals, content_digest_of,
};
use bytes::Bytes;

/// Everything that a unit came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) shards: Vec<Shard>,
    pub(crate) quarantined: Vec<Quarantined>,
    pub(crate) totals: Totals,
}

/// Converts a file that comes in these pieces.
pub(crate) fn convert(recipe: &Arc<Recipe>, input: Input, pieces: &[&[u8]]) -> Result<Outcome, InputError> {
    let mut converter = Converter::new(Arc::clone(recipe), 42, input);
    let mut pieces = pieces.iter();
    let mut outcome = Outcome::default();
    loop {
        match converter.step()? {
            Step::NeedInput => match pieces.next() {
                Some(piece) => converter.feed(Bytes::copy_from_slice(piece)),
                None => converter.finish(),
            },
            Step::Shard(shard) => {
                outcome.shards.push(shard.clone());
                converter.reuse(shard.bytes);
            }
            Step::Quarantined(quarantined) => outcome.quarantined.push(quarantined),
            Step::Finished(totals) => {
                outcome.totals = totals;
                return Ok(outcome);
            }
        }
    }
}

/// The census of a file that comes in these pieces, and how many lines are none of it.
pub(crate) fn count(input: Input, pieces: &[&[u8]]) -> Result<(Census, u64), CountError> {
    let mut counter = Counter::new(input);
    let mut pieces = pieces.iter();
    while !counter.count()? {
        match pieces.next() {
            Some(piece) => counter.feed(Bytes::copy_from_slice(piece)),
            None => counter.finish(),
        }
    }
    Ok(counter.into_census())
}

impl Outcome {
    /// Holds what is counted against what is there, and every record against another reader.
    pub(crate) fn check(&self, recipe: &Recipe) {
        let Totals { records_in, records_out, quarantined, content_bytes, shards, .. } = self.totals;
        assert_eq!(records_in, records_out + quarantined);
        assert_eq!(quarantined, self.quarantined.len() as u64);
        assert_eq!(shards as usize, self.shards.len());
        assert_eq!(records_out, self.shards.iter().map(|shard| shard.records).sum::<u64>());
        assert_eq!(content_bytes, self.shards.iter().map(|shard| shard.content_bytes).sum::<u64>());
        assert!(self.quarantined.is_sorted_by_key(|line| line.line));
        for (number, shard) in self.shards.iter().enumerate() {
            assert_eq!(shard.index as usize, number);
            check_shard(recipe, shard);
        }
    }
}

/// Holds a shard against other readers of its compression and notation.
pub(crate) fn check_shard(recipe: &Recipe, shard: &Shard) {
    let (format, compression) = (recipe.spec().format, recipe.spec().compression);
    let said = (shard.content_digest, shard.content_bytes);
    assert_eq!(content_digest_of(format, compression, &shard.bytes), Ok(said));
    if format == Format::Parquet {
        return;
    }
    let content = String::from_utf8(unpacked(compression, &shard.bytes)).expect("records are UTF-8");
    assert_eq!(content.len() as u64, shard.content_bytes);
    let lines: Vec<&str> = content.lines().collect();
    if format != Format::LambdaEvent {
        assert_eq!(lines.len() as u64, shard.records);
    }
    for line in lines {
        check_line(format, line);
    }
}

fn check_line(format: Format, line: &str) {
    // A bare number may have an exponent that no float has: another reader takes it as it stands, but not as a value.
    let read = match format {
        Format::Plain => serde_json::from_str::<serde::de::IgnoredAny>(line).map(drop),
        _ => serde_json::from_str::<serde_json::Value>(line).map(drop),
    };
    read.unwrap_or_else(|error| panic!("{error}: {line}"));
}

fn unpacked(compression: Compression, stored: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    match compression {
        Compression::Gzip => {
            flate2::read::MultiGzDecoder::new(stored).read_to_end(&mut content).expect("gzip members");
        }
        Compression::Zstd => {
            content = zstd::stream::decode_all(stored).expect("zstd frames");
        }
        Compression::Snappy | Compression::None => content.extend_from_slice(stored),
    }
    content
}

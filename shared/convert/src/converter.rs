//! The converter: one unit's bytes on their way from file to shards.

use std::sync::Arc;

use bytes::Bytes;

use crate::gunzip::InputError;
use crate::input::Input;
use crate::limits::{LINE_BYTES_MAX, UNIT_MAX};
use crate::lines::{Line, Lines};
use crate::reason::Reason;
use crate::recipe::Recipe;
use crate::record::Renderer;
use crate::scan::{Fault, Scanner};
use crate::shard::{Gatherer, Shard};
use crate::source::{Read, Source};

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Feed more bytes, or say that there are none.
    NeedInput,
    /// A shard is whole.
    Shard(Shard),
    /// A line cannot be converted.
    Quarantined(Quarantined),
    /// The unit is done; there are no further steps.
    Finished(Totals),
}

/// A line that cannot be converted, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Line number, from 1.
    pub line: u64,
    /// Offset of the line's first byte in the uncompressed file.
    pub offset: u64,
    /// Length of the line in bytes, without its newline.
    pub length: u64,
    /// What is wrong.
    pub reason: Reason,
    /// Byte of the line where it was noticed, from 0.
    pub column: u64,
    /// The line without its newline; of a line that is too long, the first
    /// [`QUARANTINE_BYTES_MAX`](crate::limits::QUARANTINE_BYTES_MAX) bytes.
    pub bytes: Vec<u8>,
}

/// Counts of a whole unit: `records_in == records_out + quarantined`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Lines that are not blank.
    pub records_in: u64,
    /// Records written.
    pub records_out: u64,
    /// Lines quarantined.
    pub quarantined: u64,
    /// Bytes of the file as stored.
    pub bytes_in: u64,
    /// Bytes of the file once inflated.
    pub bytes_inflated: u64,
    /// Uncompressed bytes of all shards.
    pub content_bytes: u64,
    /// Shards written.
    pub shards: u32,
}

/// Converts one unit.
///
/// ```text
///  feed -> inflate -> lines -> scan -> render -> gather -> shard
///                        \________\___________________-> quarantined
/// ```
pub struct Converter {
    source: Source,
    lines: Lines,
    scanner: Scanner,
    renderer: Renderer,
    gatherer: Gatherer,
    totals: Totals,
    phase: Phase,
}

enum Phase {
    Running,
    /// All lines are converted; the last shard and the totals are to be told.
    Closing,
    Finished,
    Refused(InputError),
}

impl Converter {
    /// For the unit of this number in the plan, whose file is written as `input` says.
    ///
    /// # Panics
    /// If `unit` is above [`UNIT_MAX`](crate::limits::UNIT_MAX): no plan has so many.
    pub fn new(recipe: Arc<Recipe>, unit: u32, input: Input) -> Converter {
        assert!(unit <= UNIT_MAX, "unit {unit} has more digits than a sequence number has for it");
        let spec = recipe.spec();
        let renderer = Renderer::new(&recipe, input.content, unit);
        Converter {
            source: Source::new(input.encoding),
            lines: Lines::default(),
            scanner: Scanner::new(&spec.keys, renderer.needs_attributes(), input.content),
            renderer,
            gatherer: Gatherer::new(spec),
            totals: Totals::default(),
            phase: Phase::Running,
        }
    }

    /// Hands over input; only after [`Step::NeedInput`] (the first may come before any step).
    pub fn feed(&mut self, bytes: Bytes) {
        self.source.feed(bytes);
    }

    /// No more input will come.
    pub fn finish(&mut self) {
        self.source.finish();
    }

    /// Hands back the memory of a shard that is no longer needed, to build a later one in; its content is dropped. With
    /// that, memory does not grow and shrink with every shard.
    pub fn reuse(&mut self, buffer: Vec<u8>) {
        self.gatherer.reuse(buffer);
    }

    /// Goes on until something is to be told.
    ///
    /// # Errors
    /// The file cannot be trusted; every further step says so again.
    ///
    /// # Panics
    /// After [`Step::Finished`].
    pub fn step(&mut self) -> Result<Step, InputError> {
        match self.phase {
            Phase::Running => self.run().inspect_err(|error| self.phase = Phase::Refused(*error)),
            Phase::Closing => Ok(self.close()),
            Phase::Finished => panic!("no step follows Finished"),
            Phase::Refused(error) => Err(error),
        }
    }

    fn run(&mut self) -> Result<Step, InputError> {
        loop {
            while let Some(line) = self.lines.next() {
                if let Some(step) = self.convert(&line) {
                    return Ok(step);
                }
            }
            match self.source.read(self.lines.space())? {
                Read::Some(bytes) => self.lines.commit(bytes),
                Read::NeedInput => return Ok(Step::NeedInput),
                Read::End => {
                    self.phase = Phase::Closing;
                    let last = self.lines.last();
                    return Ok(last.and_then(|line| self.convert(&line)).unwrap_or_else(|| self.close()));
                }
            }
        }
    }

    fn close(&mut self) -> Step {
        if let Some(shard) = self.gatherer.end_shard() {
            return self.told(shard);
        }
        self.phase = Phase::Finished;
        self.totals.bytes_in = self.source.bytes_in();
        self.totals.bytes_inflated = self.lines.bytes_seen();
        Step::Finished(self.totals)
    }

    /// One line on its way; a step if there is something to tell.
    fn convert(&mut self, line: &Line) -> Option<Step> {
        if line.is_too_long() {
            self.totals.records_in += 1;
            return Some(self.quarantine(line, Fault::new(Reason::LineTooLong, LINE_BYTES_MAX)));
        }
        let bytes = self.lines.bytes(line);
        if is_blank(bytes) {
            return None;
        }
        self.totals.records_in += 1;
        let ordinal = self.totals.records_in;
        let scanned = self.scanner.scan(bytes);
        let checked = scanned.and_then(|item| self.renderer.check(bytes, item).map(|()| item));
        match checked {
            Ok(item) => {
                let renderer = &mut self.renderer;
                let ended = self.gatherer.append(|block| renderer.render(bytes, item, ordinal, block));
                self.totals.records_out += 1;
                ended.map(|shard| self.told(shard))
            }
            Err(fault) => Some(self.quarantine(line, fault)),
        }
    }

    fn told(&mut self, shard: Shard) -> Step {
        self.totals.shards += 1;
        self.totals.content_bytes += shard.content_bytes;
        Step::Shard(shard)
    }

    fn quarantine(&mut self, line: &Line, fault: Fault) -> Step {
        self.totals.quarantined += 1;
        Step::Quarantined(Quarantined {
            line: line.number,
            offset: line.offset,
            length: line.length,
            reason: fault.reason,
            column: u64::from(fault.column),
            bytes: self.lines.bytes(line).to_vec(),
        })
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}

const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<Converter>();
};

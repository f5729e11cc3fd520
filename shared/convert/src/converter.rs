//! The converter: one unit's bytes on their way from file to shards.

use std::sync::Arc;

use bytes::Bytes;

use crate::crew::Crew;
use crate::gunzip::InputError;
use crate::input::Input;
use crate::limits::UNIT_MAX;
use crate::output::Output;
use crate::recipe::Recipe;
use crate::records::{Next, Quarantined, Records, SourceRecord};
use crate::scan::Fault;
use crate::shard::Shard;

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
///  feed -> records -> output -> shard
///                \________\___-> quarantined
/// ```
pub struct Converter {
    records: Records,
    output: Output,
    totals: Totals,
    phase: Phase,
    crew: Option<Arc<Crew>>,
    /// Those of the shard that is open, where they are kept.
    originals: Option<Vec<SourceRecord>>,
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
        let output = Output::of_file(&recipe, input.content, unit);
        Converter {
            records: Records::new(input, &recipe.spec().keys, output.needs_attributes()),
            output,
            totals: Totals::default(),
            phase: Phase::Running,
            crew: None,
            originals: None,
        }
    }

    /// The same with every record of a shard as the source has it beside the shard, for whoever may have to put one aside
    /// later. Costs the memory of a shard's input.
    #[must_use]
    pub fn keeping_originals(mut self) -> Converter {
        self.originals = Some(Vec::new());
        self
    }

    /// The same with the help of a crew, wherever it has a core to spare.
    #[must_use]
    pub fn with_crew(mut self, crew: Arc<Crew>) -> Converter {
        self.records.assist(crew.clone());
        self.output.assist(crew.clone());
        self.crew = Some(crew);
        self
    }

    /// Hands over input; only after [`Step::NeedInput`] (the first may come before any step).
    pub fn feed(&mut self, bytes: Bytes) {
        self.records.feed(bytes);
    }

    /// No more input will come.
    pub fn finish(&mut self) {
        self.records.finish();
    }

    /// Hands back the memory of a shard that is no longer needed, to build a later one in; its content is dropped. With
    /// that, memory does not grow and shrink with every shard.
    pub fn reuse(&mut self, buffer: Vec<u8>) {
        self.output.reuse(buffer);
    }

    /// Goes on until something is to be told.
    ///
    /// # Errors
    /// The file cannot be trusted; every further step says so again.
    ///
    /// # Panics
    /// After [`Step::Finished`].
    pub fn step(&mut self) -> Result<Step, InputError> {
        let _at_work = self.crew.as_ref().map(|crew| crew.enter());
        match self.phase {
            Phase::Running => self.run().inspect_err(|error| self.phase = Phase::Refused(*error)),
            Phase::Closing => Ok(self.close()),
            Phase::Finished => panic!("no step follows Finished"),
            Phase::Refused(error) => Err(error),
        }
    }

    fn run(&mut self) -> Result<Step, InputError> {
        loop {
            let told = match self.records.advance()? {
                Next::NeedInput => return Ok(Step::NeedInput),
                Next::End => {
                    self.phase = Phase::Closing;
                    return Ok(self.close());
                }
                Next::Item => self.convert(),
                Next::Faulty(fault) => Some(self.quarantine(fault)),
            };
            if let Some(step) = told {
                return Ok(step);
            }
        }
    }

    fn close(&mut self) -> Step {
        if let Some(shard) = self.output.end_shard() {
            return self.told(shard);
        }
        self.phase = Phase::Finished;
        self.totals.bytes_in = self.records.bytes_in();
        self.totals.bytes_inflated = self.records.bytes_inflated();
        Step::Finished(self.totals)
    }

    /// One item on its way; a step if there is something to tell.
    fn convert(&mut self) -> Option<Step> {
        let (line, item) = self.records.item();
        if let Err(fault) = self.output.check(line, item) {
            let fault = self.records.locate(fault);
            return Some(self.quarantine(fault));
        }
        self.totals.records_in += 1;
        self.totals.records_out += 1;
        let ended = self.output.append(line, item, self.totals.records_in);
        let told = ended.map(|shard| self.told(shard));
        if let Some(originals) = &mut self.originals {
            originals.push(self.records.original());
        }
        told
    }

    /// What ended is told of before the record that ended it is kept.
    fn told(&mut self, mut shard: Shard) -> Step {
        if let Some(originals) = &mut self.originals {
            shard.originals = std::mem::take(originals);
        }
        self.totals.shards += 1;
        self.totals.content_bytes += shard.content_bytes;
        Step::Shard(shard)
    }

    fn quarantine(&mut self, fault: Fault) -> Step {
        self.totals.records_in += 1;
        self.totals.quarantined += 1;
        Step::Quarantined(self.records.put_aside(fault))
    }
}

const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<Converter>();
};

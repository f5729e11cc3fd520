//! The page converter: items of a scan on their way from an answer's `Items` to shards. Unlike a file, a scan is cut where
//! its reader says: a shard must end where the reading can go on.

use std::sync::Arc;

use crate::crew::Crew;
use crate::input::Content;
use crate::limits::{PAGE_BYTES_MAX, UNIT_MAX};
use crate::output::Output;
use crate::reason::Reason;
use crate::recipe::Recipe;
use crate::scan::{Fault, Scanner};
use crate::shard::Shard;

/// Converts the items of one unit of a scan, page after page.
///
/// ```text
///  append -> scan -> render -> gather .. cut -> shard
/// ```
pub struct PageConverter {
    scanner: Scanner,
    output: Output,
    records: u64,
    crew: Option<Arc<Crew>>,
}

/// An item that cannot be converted. Nothing of its page may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("item {item} of the page cannot be converted at byte {offset}: {reason}")]
pub struct PageError {
    /// Which one, from 1; one more than there are where the array itself is broken.
    pub item: u64,
    /// Byte of the page's `Items` where it was noticed, from 0.
    pub offset: u64,
    /// What is wrong.
    pub reason: Reason,
}

impl PageConverter {
    /// For the unit of this number in the plan, of which `records` records stand in the shards below `shard` already.
    ///
    /// # Panics
    /// If `unit` is above [`UNIT_MAX`](crate::limits::UNIT_MAX): no plan has so many.
    pub fn new(recipe: &Arc<Recipe>, unit: u32, shard: u32, records: u64) -> PageConverter {
        assert!(unit <= UNIT_MAX, "unit {unit} has more digits than a sequence number has for it");
        let spec = recipe.spec();
        let output = Output::of_scan(recipe, unit, shard);
        PageConverter {
            scanner: Scanner::new(&spec.keys, output.needs_attributes(), Content::Items),
            output,
            records,
            crew: None,
        }
    }

    /// The same with the help of a crew, wherever it has a core to spare.
    #[must_use]
    pub fn with_crew(mut self, crew: Arc<Crew>) -> PageConverter {
        self.output.assist(crew.clone());
        self.crew = Some(crew);
        self
    }

    /// Takes the items of a page: a JSON array of attribute maps, as `Items` of a Scan holds them. Gives their number.
    ///
    /// # Errors
    /// One of them is none. The shard that is open is then not to be used.
    pub fn append(&mut self, items: &[u8]) -> Result<u64, PageError> {
        let _at_work = self.crew.as_ref().map(|crew| crew.enter());
        if items.len() > PAGE_BYTES_MAX {
            return Err(page_error(0, Fault::new(Reason::LineTooLong, PAGE_BYTES_MAX)));
        }
        let mut page = self.scanner.page(items).map_err(|fault| page_error(0, fault))?;
        let mut taken = 0;
        loop {
            let Some(item) = page.next().map_err(|fault| page_error(taken, fault))? else { return Ok(taken) };
            self.output.check(items, item).map_err(|fault| page_error(taken, fault))?;
            taken += 1;
            self.records += 1;
            let ended = self.output.append(items, item, self.records);
            assert!(ended.is_none(), "a shard of a scan ends where it is cut");
        }
    }

    /// Uncompressed bytes of the shard that is open.
    pub fn open_bytes(&self) -> u64 {
        self.output.open_bytes()
    }

    /// Records so far, those of earlier shards included.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Ends the shard that is open, also one without a record: the end of a scan needs a place of its own.
    pub fn cut(&mut self) -> Shard {
        let _at_work = self.crew.as_ref().map(|crew| crew.enter());
        self.output.end_shard_even_empty()
    }

    /// Hands back the memory of a shard that is no longer needed, to build a later one in.
    pub fn reuse(&mut self, buffer: Vec<u8>) {
        self.output.reuse(buffer);
    }
}

fn page_error(taken: u64, fault: Fault) -> PageError {
    PageError { item: taken + 1, offset: u64::from(fault.column), reason: fault.reason }
}

const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<PageConverter>();
};

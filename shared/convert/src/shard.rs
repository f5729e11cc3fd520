//! Shards: where records gather, and the rules by which a document, a block and a shard end.
//!
//! ```text
//!  shard     one object                    ends before the record that would bring it above its limit
//!  document  {"Records":[…]}, or one line  never spans shards
//!  block     what is compressed at once    ends with the record that fills it
//! ```

use std::sync::Arc;

use crate::block::Block;
use crate::crew::Crew;
use crate::digest::{ContentDigest, ContentHasher};
use crate::limits::{BLOCK_BYTES, DOCUMENT_BYTES_MAX};
use crate::press::Press;
use crate::recipe::{Document, Format, RecipeSpec};
use crate::records::SourceRecord;

/// One output object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Its number within the unit, from 0.
    pub index: u32,
    /// Its bytes as they are to be stored.
    pub bytes: Vec<u8>,
    /// Records inside.
    pub records: u64,
    /// Uncompressed bytes.
    pub content_bytes: u64,
    /// Digest of the uncompressed bytes.
    pub content_digest: ContentDigest,
    /// Each of its records as the source has it, if the converter was told to keep that.
    pub originals: Vec<SourceRecord>,
}

/// How records are put together to documents. A line is a document of one record.
struct Framing {
    open: &'static [u8],
    separator: &'static [u8],
    close: &'static [u8],
    records_max: u64,
    bytes_max: u64,
}

const LINES: Framing =
    Framing { open: b"", separator: b"", close: b"\n", records_max: 1, bytes_max: u64::MAX };
const ENVELOPE: Framing = Framing {
    open: br#"{"Records":["#,
    separator: b",",
    close: b"]}\n",
    records_max: u64::MAX,
    bytes_max: u64::MAX,
};

impl Framing {
    fn of(spec: &RecipeSpec) -> Framing {
        match (spec.format, spec.document) {
            (Format::LambdaEvent, Document::Object) => ENVELOPE,
            (Format::LambdaEvent, Document::Line) => Framing {
                records_max: u64::from(spec.document_records_max),
                bytes_max: DOCUMENT_BYTES_MAX,
                ..ENVELOPE
            },
            _ => LINES,
        }
    }

    /// May a shard hold a second document?
    fn repeats(&self) -> bool {
        self.records_max < u64::MAX
    }
}

/// The document that is open.
#[derive(Debug, Clone, Copy, Default)]
struct Open {
    records: u64,
    bytes: u64,
}

/// Where a record goes.
enum Placement {
    Joined,
    NewDocument,
    NewShard,
}

/// Takes a unit's records, gives its shards.
pub(crate) struct Gatherer {
    framing: Framing,
    shard_bytes_max: u64,
    shard_records_max: u64,
    press: Press,
    block: Block,
    document: Option<Open>,
    hasher: ContentHasher,
    packed: Vec<u8>,
    /// Where the next shard is to be built.
    spare: Vec<u8>,
    records: u64,
    index: u32,
}

impl Gatherer {
    pub(crate) fn new(spec: &RecipeSpec) -> Gatherer {
        Gatherer {
            framing: Framing::of(spec),
            shard_bytes_max: spec.shard_bytes_max,
            shard_records_max: spec.shard_records_max.unwrap_or(u64::MAX),
            press: Press::new(spec.compression),
            block: Block::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 8),
            document: None,
            hasher: ContentHasher::default(),
            packed: Vec::new(),
            spare: Vec::new(),
            records: 0,
            index: 0,
        }
    }

    /// The same for a unit whose shards below `index` stand already, and whose shards end only where they are cut.
    pub(crate) fn from_shard(spec: &RecipeSpec, index: u32) -> Gatherer {
        Gatherer { index, shard_bytes_max: u64::MAX, ..Gatherer::new(spec) }
    }

    /// Lets the crew help with compression.
    pub(crate) fn assist(&mut self, crew: Arc<Crew>) {
        self.press.assist(crew);
    }

    /// Uncompressed bytes of the shard that is open; what closes its last document is not counted.
    pub(crate) fn open_bytes(&self) -> u64 {
        self.hasher.bytes() + self.block.len() as u64
    }

    /// Takes the record that `render` appends; gives the shard that had to end before it.
    pub(crate) fn append(&mut self, render: impl FnOnce(&mut Block)) -> Option<Shard> {
        let joint = self.block.len();
        self.begin_record();
        let start = self.block.len();
        render(&mut self.block);
        let record_bytes = (self.block.len() - start) as u64;
        let ended = match self.place(joint, record_bytes) {
            Placement::Joined => None,
            Placement::NewDocument => {
                let record = self.take_back(joint, start);
                self.close_document();
                self.put(&record);
                None
            }
            Placement::NewShard => {
                let record = self.take_back(joint, start);
                let ended = self.end_shard();
                self.put(&record);
                ended
            }
        };
        self.end_record(record_bytes);
        ended
    }

    /// The shard that is open, if it holds anything.
    pub(crate) fn end_shard(&mut self) -> Option<Shard> {
        (self.records > 0).then(|| self.end_shard_even_empty())
    }

    /// The shard that is open, be it empty.
    pub(crate) fn end_shard_even_empty(&mut self) -> Shard {
        self.close_document();
        self.press_block();
        self.press.finish(&mut self.packed);
        if self.packed.is_empty() {
            self.press.press_nothing(&mut self.packed);
        }
        let hasher = std::mem::take(&mut self.hasher);
        let shard = Shard {
            index: self.index,
            bytes: std::mem::replace(&mut self.packed, std::mem::take(&mut self.spare)),
            records: std::mem::take(&mut self.records),
            content_bytes: hasher.bytes(),
            content_digest: hasher.digest(),
            originals: Vec::new(),
        };
        self.index += 1;
        shard
    }

    /// Takes memory for a shard; the one that is open moves there only if it has none of its own yet.
    pub(crate) fn reuse(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        match self.packed.capacity() {
            0 => self.packed = buffer,
            _ => self.spare = buffer,
        }
    }

    /// Joins the open document, or opens one.
    fn begin_record(&mut self) {
        let joint = match self.document {
            Some(_) => self.framing.separator,
            None => self.framing.open,
        };
        self.block.bytes.extend_from_slice(joint);
    }

    /// Counts the record just written, and ends what is full with it.
    fn end_record(&mut self, record_bytes: u64) {
        let Framing { open, separator, records_max, .. } = self.framing;
        let joint = if self.document.is_some() { separator } else { open };
        let document = self.document.get_or_insert_default();
        document.records += 1;
        document.bytes += joint.len() as u64 + record_bytes;
        let full = document.records >= records_max;
        self.records += 1;
        if full {
            self.close_document();
        }
        if self.block.len() >= BLOCK_BYTES {
            self.press_block();
        }
    }

    /// The block was `joint` bytes long before the record and what joins it to the others.
    fn place(&self, joint: usize, record_bytes: u64) -> Placement {
        let Framing { open, separator, close, bytes_max, .. } = self.framing;
        let before = self.hasher.bytes() + joint as u64;
        let joined = separator.len() as u64 + record_bytes + close.len() as u64;
        let alone = open.len() as u64 + record_bytes + close.len() as u64;
        let fits_shard = |bytes: u64| before + bytes <= self.shard_bytes_max;
        match self.document {
            _ if self.records == 0 => Placement::Joined,
            _ if self.records >= self.shard_records_max => Placement::NewShard,
            Some(document) if document.bytes + joined <= bytes_max && fits_shard(joined) => Placement::Joined,
            Some(_) if self.framing.repeats() && fits_shard(close.len() as u64 + alone) => {
                Placement::NewDocument
            }
            None if fits_shard(alone) => Placement::Joined,
            _ => Placement::NewShard,
        }
    }

    /// Removes the record and what was to join it.
    fn take_back(&mut self, joint: usize, start: usize) -> Block {
        let record = self.block.split_off(start);
        self.block.truncate(joint);
        record
    }

    fn put(&mut self, record: &Block) {
        self.begin_record();
        self.block.append(record);
    }

    fn close_document(&mut self) {
        if self.document.take().is_some() {
            self.block.bytes.extend_from_slice(self.framing.close);
        }
    }

    fn press_block(&mut self) {
        if self.block.is_empty() {
            return;
        }
        self.hasher.update(&self.block.bytes);
        self.press.press(&mut self.block, &mut self.packed);
    }
}

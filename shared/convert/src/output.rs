//! The output: where a scanned item goes, one by one, until a shard is whole: as text to a block, or as a row to columns.

use std::borrow::Cow;
use std::sync::Arc;

use crate::columns::{Columns, Row};
use crate::crew::Crew;
use crate::input::Content;
use crate::recipe::{EventName, Format, Recipe, RecipeSpec};
use crate::record::{EventNamer, Filter, Renderer, write_image, write_sequence_number};
use crate::scan::{Attribute, Fault, Image, Item};
use crate::shard::{Gatherer, Shard};

/// `_source` of every row.
const SOURCE: &str = "backfill";

/// Takes a unit's items, gives its shards.
pub(crate) enum Output {
    /// Records, put together to documents.
    Text { renderer: Box<Renderer>, gatherer: Box<Gatherer> },
    /// Rows of Parquet files.
    Rows(Box<Rows>),
}

impl Output {
    /// For a unit of a file; shards end where the recipe says.
    pub(crate) fn of_file(recipe: &Recipe, content: Content, unit: u32) -> Output {
        let spec = recipe.spec();
        if spec.format == Format::Parquet {
            return Output::Rows(Box::new(Rows::new(spec, content, unit, 0, spec.shard_bytes_max)));
        }
        Output::Text {
            renderer: Box::new(Renderer::new(recipe, content, unit)),
            gatherer: Box::new(Gatherer::new(spec)),
        }
    }

    /// For a unit of a scan whose shards below `shard` stand already; shards end where they are cut.
    pub(crate) fn of_scan(recipe: &Recipe, unit: u32, shard: u32) -> Output {
        let spec = recipe.spec();
        if spec.format == Format::Parquet {
            return Output::Rows(Box::new(Rows::new(spec, Content::Items, unit, shard, u64::MAX)));
        }
        Output::Text {
            renderer: Box::new(Renderer::new(recipe, Content::Items, unit)),
            gatherer: Box::new(Gatherer::from_shard(spec, shard)),
        }
    }

    /// Lets the crew help with compression; Parquet's is the writer's own affair.
    pub(crate) fn assist(&mut self, crew: Arc<Crew>) {
        if let Output::Text { gatherer, .. } = self {
            gatherer.assist(crew);
        }
    }

    /// Whether items are taken apart to their attributes, rather than copied whole.
    pub(crate) fn needs_attributes(&self) -> bool {
        match self {
            Output::Text { renderer, .. } => renderer.needs_attributes(),
            Output::Rows(_) => true,
        }
    }

    /// Refuses what cannot be written, before anything is written.
    pub(crate) fn check(&self, line: &[u8], item: &Item) -> Result<(), Fault> {
        match self {
            Output::Text { renderer, .. } => renderer.check(line, item),
            Output::Rows(_) => Ok(()),
        }
    }

    /// Takes an item that [`Self::check`] let pass, the unit's `ordinal`-th from 1; gives the shard that had to end
    /// before it.
    pub(crate) fn append(&mut self, line: &[u8], item: &Item, ordinal: u64) -> Option<Shard> {
        match self {
            Output::Text { renderer, gatherer } => {
                gatherer.append(|block| renderer.render(line, item, ordinal, block))
            }
            Output::Rows(rows) => rows.append(line, item, ordinal),
        }
    }

    /// The shard that is open, if it holds anything.
    pub(crate) fn end_shard(&mut self) -> Option<Shard> {
        match self {
            Output::Text { gatherer, .. } => gatherer.end_shard(),
            Output::Rows(rows) => rows.columns.end_shard(),
        }
    }

    /// The shard that is open, be it empty.
    pub(crate) fn end_shard_even_empty(&mut self) -> Shard {
        match self {
            Output::Text { gatherer, .. } => gatherer.end_shard_even_empty(),
            Output::Rows(rows) => rows.columns.end_shard_even_empty(),
        }
    }

    /// Content of the shard that is open, in bytes.
    pub(crate) fn open_bytes(&self) -> u64 {
        match self {
            Output::Text { gatherer, .. } => gatherer.open_bytes(),
            Output::Rows(rows) => rows.columns.open_bytes(),
        }
    }

    /// Takes memory for a later shard.
    pub(crate) fn reuse(&mut self, buffer: Vec<u8>) {
        match self {
            Output::Text { gatherer, .. } => gatherer.reuse(buffer),
            Output::Rows(rows) => rows.columns.reuse(buffer),
        }
    }
}

/// What a row says beside its attributes.
pub(crate) struct Rows {
    columns: Columns,
    namer: EventNamer,
    filter: Filter,
    snapshot_micros: i64,
    unit: u32,
    sequence: Vec<u8>,
    old_image: Vec<u8>,
}

impl Rows {
    fn new(spec: &RecipeSpec, content: Content, unit: u32, shard: u32, shard_bytes_max: u64) -> Rows {
        let schema = spec.schema.as_ref().expect("a recipe of Parquet has a schema");
        Rows {
            columns: Columns::new(schema, spec.compression, shard_bytes_max, SOURCE, spec.old_images, shard),
            namer: EventNamer::new(spec, content),
            filter: Filter::new(&spec.attributes, &spec.keys),
            snapshot_micros: spec.snapshot_micros,
            unit,
            sequence: Vec::new(),
            old_image: Vec::new(),
        }
    }

    fn append(&mut self, line: &[u8], item: &Item, ordinal: u64) -> Option<Shard> {
        let event_name = self.namer.name(item);
        let image = if event_name == EventName::Remove { &item.keys_map } else { &item.image };
        self.sequence.clear();
        write_sequence_number(self.unit, item.micros, ordinal, &mut self.sequence);
        self.old_image.clear();
        if item.old_image.is_there() {
            write_image(line, &item.old_image, &self.filter, &mut self.old_image);
        }
        let attributes = kept(&self.filter, line, image);
        self.columns.append(&Row {
            line,
            attributes: &attributes,
            range: image.range.clone(),
            old_image: item.old_image.is_there().then_some(self.old_image.as_slice()),
            event_name: event_name.name(),
            micros: item.micros.unwrap_or(self.snapshot_micros),
            sequence: &self.sequence,
        })
    }
}

/// The attributes that a row shows.
fn kept<'i>(filter: &Filter, line: &[u8], image: &'i Image) -> Cow<'i, [Attribute]> {
    match filter {
        Filter::All => Cow::Borrowed(&image.attributes),
        _ => image.attributes.iter().filter(|attribute| filter.keeps(line, attribute)).cloned().collect(),
    }
}

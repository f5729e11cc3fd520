//! The output: where a scanned item goes, one by one, until a shard is whole.

use crate::input::Content;
use crate::recipe::Recipe;
use crate::record::Renderer;
use crate::scan::{Fault, Item};
use crate::shard::{Gatherer, Shard};

/// Takes a unit's items, gives its shards.
pub(crate) struct Output {
    renderer: Renderer,
    gatherer: Gatherer,
}

impl Output {
    /// For a unit of a file; shards end where the recipe says.
    pub(crate) fn of_file(recipe: &Recipe, content: Content, unit: u32) -> Output {
        Output { renderer: Renderer::new(recipe, content, unit), gatherer: Gatherer::new(recipe.spec()) }
    }

    /// For a unit of a scan whose shards below `shard` stand already; shards end where they are cut.
    pub(crate) fn of_scan(recipe: &Recipe, unit: u32, shard: u32) -> Output {
        Output {
            renderer: Renderer::new(recipe, Content::Items, unit),
            gatherer: Gatherer::from_shard(recipe.spec(), shard),
        }
    }

    /// Whether items are taken apart to their attributes, rather than copied whole.
    pub(crate) fn needs_attributes(&self) -> bool {
        self.renderer.needs_attributes()
    }

    /// Refuses what cannot be written, before anything is written.
    pub(crate) fn check(&self, line: &[u8], item: &Item) -> Result<(), Fault> {
        self.renderer.check(line, item)
    }

    /// Takes an item that [`Self::check`] let pass, the unit's `ordinal`-th from 1; gives the shard that had to end
    /// before it.
    pub(crate) fn append(&mut self, line: &[u8], item: &Item, ordinal: u64) -> Option<Shard> {
        let renderer = &mut self.renderer;
        self.gatherer.append(|block| renderer.render(line, item, ordinal, block))
    }

    /// The shard that is open, if it holds anything.
    pub(crate) fn end_shard(&mut self) -> Option<Shard> {
        self.gatherer.end_shard()
    }

    /// The shard that is open, be it empty.
    pub(crate) fn end_shard_even_empty(&mut self) -> Shard {
        self.gatherer.end_shard_even_empty()
    }

    /// Content of the shard that is open, in bytes.
    pub(crate) fn open_bytes(&self) -> u64 {
        self.gatherer.open_bytes()
    }

    /// Takes memory for a later shard.
    pub(crate) fn reuse(&mut self, buffer: Vec<u8>) {
        self.gatherer.reuse(buffer);
    }
}

//! Data files of exports: whatever is in one, it becomes the same shards and quarantined lines however it is sliced.

use std::sync::Arc;

use backfleet_convert::{Census, Content, Encoding, Input, Notation, peek};

use crate::conversion::{convert, count};
use crate::drawn::{Drawn, pieces};
use crate::recipes::chosen;

/// A file of a full export in DynamoDB JSON: recipe, slicing, file.
pub fn json_export(data: &[u8]) {
    hold_file(Notation::Json, Content::Items, data);
}

/// A file of an incremental export in DynamoDB JSON: whether lines have old images, recipe, slicing, file.
pub fn changes(data: &[u8]) {
    let mut drawn = Drawn::new(data);
    let old_images = drawn.byte() % 2 == 1;
    hold_file(Notation::Json, Content::Changes { old_images }, drawn.rest());
}

/// A file of an export in Ion: what its values say, recipe, slicing, file.
pub fn ion_export(data: &[u8]) {
    let mut drawn = Drawn::new(data);
    let content = match drawn.byte() % 3 {
        0 => Content::Items,
        said => Content::Changes { old_images: said == 1 },
    };
    hold_file(Notation::Ion, content, drawn.rest());
}

fn hold_file(notation: Notation, content: Content, data: &[u8]) {
    let mut drawn = Drawn::new(data);
    let (recipe, slicing) = (drawn.byte(), drawn.byte());
    let file = drawn.rest();
    let input = Input { encoding: Encoding::Identity, notation, content };
    let sliced = pieces(file, slicing);
    let counted = count(input, &[file]);
    assert_eq!(counted, count(input, &sliced));
    // What has too many attributes for a census has no columns of its own.
    let census = counted.map_or_else(|_| Census::default(), |(census, _)| census);
    let recipe = Arc::new(chosen(recipe, &census));
    let whole = convert(&recipe, input, &[file]).expect("plain bytes are whole");
    whole.check(&recipe);
    assert_eq!(whole.totals.bytes_in, file.len() as u64);
    assert_eq!(convert(&recipe, input, &sliced), Ok(whole));
    peek(Encoding::Identity, notation, file).expect("plain bytes are whole");
}

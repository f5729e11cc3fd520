//! What a record says that happened, and in which unit it says when.

use crate::input::Content;
use crate::recipe::{EventName, Format, KinesisPrecision, RecipeSpec};
use crate::scan::Item;

/// Names events by the images that are there.
pub(crate) struct EventNamer {
    old_images: bool,
    upsert: EventName,
}

impl EventNamer {
    pub(crate) fn new(spec: &RecipeSpec, content: Content) -> EventNamer {
        match content {
            Content::Items => EventNamer { old_images: true, upsert: EventName::Insert },
            Content::Changes { old_images } => EventNamer { old_images, upsert: spec.upsert },
        }
    }

    /// Without an image the item is gone. With a new one alone it was inserted, if an old one would have been there.
    pub(crate) fn name(&self, item: &Item) -> EventName {
        match (item.image.is_there(), item.old_image.is_there()) {
            (false, _) => EventName::Remove,
            (true, true) => EventName::Modify,
            (true, false) if self.old_images => EventName::Insert,
            (true, false) => self.upsert,
        }
    }
}

/// Unit of `ApproximateCreationDateTime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    Second,
    Millisecond,
    Microsecond,
}

impl TimeUnit {
    pub(crate) fn of(spec: &RecipeSpec) -> TimeUnit {
        match (spec.format, spec.kinesis_precision) {
            (Format::Kinesis, KinesisPrecision::Millisecond) => TimeUnit::Millisecond,
            (Format::Kinesis, KinesisPrecision::Microsecond) => TimeUnit::Microsecond,
            _ => TimeUnit::Second,
        }
    }

    /// Rounded down.
    pub(crate) fn of_micros(self, micros: i64) -> i64 {
        match self {
            TimeUnit::Second => micros.div_euclid(1_000_000),
            TimeUnit::Millisecond => micros.div_euclid(1_000),
            TimeUnit::Microsecond => micros,
        }
    }
}

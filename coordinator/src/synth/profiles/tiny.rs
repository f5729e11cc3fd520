//! Orders of a shop in 100 bytes.

use super::{DAY_MILLIS, Lines, NEW_YEAR_MILLIS, Origin};
use crate::synth::{attributes, text};

const STATES: [&str; 5] = ["new", "paid", "packed", "shipped", "returned"];

pub(super) struct Tiny {
    origin: Origin,
    order: [u8; 4],
}

impl Tiny {
    pub(super) fn new(origin: Origin) -> Self {
        Tiny { origin, order: [0, 1, 2, 3] }
    }
}

impl Lines for Tiny {
    fn append(&mut self, out: &mut Vec<u8>) {
        let id = self.origin.unique();
        let draw = &mut self.origin.draw;
        self.order.rotate_left(draw.below(4) as usize);
        attributes::line(out, &self.order, |out, which| match which {
            0 => attributes::string_of(out, "id", |out| text::hex(out, id.to_be_bytes())),
            1 => attributes::number(out, "qty", draw.between(1, 40), 0),
            2 => attributes::number(out, "day", NEW_YEAR_MILLIS / DAY_MILLIS - draw.between(1, 60), 0),
            _ => attributes::string(out, "orderState", draw.one_of(&STATES)),
        });
    }
}

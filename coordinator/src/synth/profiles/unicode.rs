//! Items that a careless reader gets wrong: every line has a few of the [`hazards`](super::hazards), all of
//! them come round, and each comes in two spellings.
//!
//! Whether DynamoDB writes a character as it is or as an escape is not known for all of them; both are JSON,
//! so both are here. Once in a while a line is longer than a megabyte, as legal items can be.

use super::hazards::{self, Spelling, Value};
use super::{Lines, Origin};
use crate::synth::draw::Draw;
use crate::synth::{attributes, text};

const HAZARDS_PER_ITEM: usize = 8;

/// A giant comes early in every file and then rarely, or the profile would consist of them.
const GIANT_EVERY: u64 = 4096;
const GIANT_AT: u64 = 64;
/// 65,535 (name) + 60,000 * 3 (numbers in a list) + 150,000 (text) + small change is below 409,600 bytes.
const GIANT_NAME_BYTES: usize = 65_535;
const GIANT_LIST_MEMBERS: usize = 60_000;
const GIANT_TEXT_BYTES: usize = 150_000;

/// DynamoDB keeps 38 digits.
const NUMBER_DIGITS_MAX: u32 = 38;

pub(super) struct Unicode {
    origin: Origin,
    /// Every hazard in both spellings, in an order of this file's own.
    hazards: Vec<[Vec<u8>; 2]>,
    next_hazard: usize,
    order: Vec<Part>,
}

#[derive(Clone, Copy)]
enum Part {
    PartitionKey,
    SortKey,
    Text,
    Number,
    Hazard(usize),
    Giant,
}

impl Unicode {
    pub(super) fn new(mut origin: Origin) -> Self {
        let mut hazards: Vec<[Vec<u8>; 2]> = hazards::all()
            .iter()
            .map(|hazard| Spelling::BOTH.map(|spelling| hazard.rendered(spelling)))
            .collect();
        origin.draw.shuffle(&mut hazards);
        Unicode { origin, hazards, next_hazard: 0, order: Vec::new() }
    }

    fn choose_parts(&mut self, ordinal: u64) {
        self.order.clear();
        self.order.extend([Part::PartitionKey, Part::SortKey, Part::Text, Part::Number]);
        for _ in 0..HAZARDS_PER_ITEM {
            self.order.push(Part::Hazard(self.next_hazard));
            self.next_hazard = (self.next_hazard + 1) % self.hazards.len();
        }
        if ordinal % GIANT_EVERY == GIANT_AT {
            self.order.truncate(2);
            self.order.push(Part::Giant);
        }
        self.origin.draw.shuffle(&mut self.order);
    }
}

impl Lines for Unicode {
    fn append(&mut self, out: &mut Vec<u8>) {
        self.choose_parts(self.origin.items);
        let id = self.origin.unique();
        let Unicode { origin, hazards, order, .. } = self;
        let draw = &mut origin.draw;
        attributes::line(out, order, |out, part| match part {
            Part::PartitionKey => partition_key(out, id, Spelling::drawn(draw)),
            Part::SortKey => attribute_of_number(out, "sk", draw),
            Part::Number => attribute_of_number(out, "n", draw),
            Part::Text => {
                let text = any_text(draw);
                hazards::attribute(out, "t", &Value::S(text), Spelling::drawn(draw));
            }
            Part::Hazard(nth) => out.extend_from_slice(&hazards[nth][draw.below(2) as usize]),
            Part::Giant => giant(out),
        });
    }
}

fn partition_key(out: &mut Vec<u8>, id: u64, spelling: Spelling) {
    let mut key = "ключ/\"🗝\"#".as_bytes().to_vec();
    text::hex(&mut key, id.to_be_bytes());
    let key = String::from_utf8(key).expect("a constant and hex digits");
    hazards::attribute(out, "pk", &Value::S(key), spelling);
}

/// Up to 38 digits, either sign, a point anywhere; normalised as DynamoDB returns numbers.
fn attribute_of_number(out: &mut Vec<u8>, name: &str, draw: &mut Draw) {
    attributes::number_of(out, name, |out| {
        if draw.percent(40) {
            out.push(b'-');
        }
        let digits = 1 + draw.below(NUMBER_DIGITS_MAX);
        let point = draw.below(digits + 1);
        for place in 0..digits {
            let at_an_end = place == 0 || place == digits - 1;
            if place == point {
                out.extend_from_slice(if place == 0 { b"0." } else { b"." });
            }
            let digit = if at_an_end { 1 + draw.below(9) } else { draw.below(10) };
            out.push(b'0' + digit as u8);
        }
    });
}

/// Any characters at all: every plane, controls and noncharacters included.
fn any_text(draw: &mut Draw) -> String {
    let length = draw.below(40);
    let ceilings = [0x20, 0x80, 0x800, 0x1_0000, 0x11_0000];
    let any = |_| {
        let ceiling = ceilings[draw.below(ceilings.len() as u32) as usize];
        // Surrogates are not characters; what would be one becomes a private one.
        char::from_u32(draw.below(ceiling)).unwrap_or('\u{e000}')
    };
    (0..length).map(any).collect()
}

/// A name of 65,535 bytes, and values whose text is several times their size.
fn giant(out: &mut Vec<u8>) {
    let name = "n".repeat(GIANT_NAME_BYTES);
    attributes::list_of_numbers(out, &name, &[7; GIANT_LIST_MEMBERS], 0);
    out.push(b',');
    hazards::attribute(out, "nuls", &Value::S("\0".repeat(GIANT_TEXT_BYTES)), Spelling::Raw);
}

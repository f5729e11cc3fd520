//! Documents near DynamoDB's item limit: mostly binary that does not compress, and some text that does.

use super::{Lines, NEW_YEAR_MILLIS, Origin};
use crate::synth::{attributes, text};

/// DynamoDB's limit is 409,600 bytes for names and values; 1,000 are left for everything but payload and
/// text.
const CONTENT_BYTES: std::ops::RangeInclusive<i64> = 100_000..=408_600;
const TEXT_BYTES: std::ops::RangeInclusive<i64> = 2_000..=20_000;

const KINDS: [&str; 4] = ["application/pdf", "image/jpeg", "application/zip", "application/octet-stream"];
const WORDS: [&str; 24] = [
    "the", "of", "invoice", "for", "delivery", "on", "page", "and", "total", "amount", "is", "due", "to",
    "account", "number", "with", "terms", "from", "customer", "per", "unit", "net", "order", "signed",
];

pub(super) struct Blob {
    origin: Origin,
    order: [u8; 6],
    payload: Vec<u8>,
}

impl Blob {
    pub(super) fn new(origin: Origin) -> Self {
        Blob { origin, order: [0, 1, 2, 3, 4, 5], payload: Vec::new() }
    }
}

impl Lines for Blob {
    fn append(&mut self, out: &mut Vec<u8>) {
        let id = self.origin.unique();
        let draw = &mut self.origin.draw;
        let content = draw.between(*CONTENT_BYTES.start(), *CONTENT_BYTES.end()) as usize;
        let text = draw.between(*TEXT_BYTES.start(), *TEXT_BYTES.end()) as usize;
        self.payload.resize(content - text, 0);
        draw.fill(&mut self.payload);
        draw.shuffle(&mut self.order);
        attributes::line(out, &self.order, |out, which| match which {
            0 => attributes::string_of(out, "pk", |out| {
                out.extend_from_slice(b"doc#");
                text::hex(out, id.to_be_bytes());
            }),
            1 => attributes::string(out, "contentType", draw.one_of(&KINDS)),
            2 => attributes::number(out, "length", self.payload.len() as i64, 0),
            3 => attributes::number(out, "storedAt", NEW_YEAR_MILLIS - draw.between(0, 2_000_000_000), 0),
            4 => attributes::string_of(out, "text", |out| {
                let end = out.len() + text;
                while out.len() < end {
                    out.extend_from_slice(draw.one_of(&WORDS).as_bytes());
                    out.push(b' ');
                }
                out.truncate(end);
            }),
            _ => attributes::binary(out, "payload", &self.payload),
        });
    }
}

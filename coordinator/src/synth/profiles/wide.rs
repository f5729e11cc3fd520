//! Feature rows: a key and 199 attributes. As in real ones, most features of most customers are zero.

use super::{DAY_MILLIS, Lines, NEW_YEAR_MILLIS, Origin};
use crate::synth::draw::Draw;
use crate::synth::{attributes, text};

const ATTRIBUTES: usize = 200;

const SUBJECTS: [&str; 20] = [
    "spend",
    "orders",
    "returns",
    "visits",
    "clicks",
    "searches",
    "carts",
    "refunds",
    "coupons",
    "reviews",
    "calls",
    "tickets",
    "logins",
    "devices",
    "shares",
    "invites",
    "favorites",
    "streams",
    "downloads",
    "alerts",
];
const WINDOWS: [&str; 10] = [
    "last_hour",
    "last_day",
    "last_7_days",
    "last_30_days",
    "last_90_days",
    "last_365_days",
    "on_weekdays",
    "on_weekends",
    "on_holidays",
    "lifetime",
];
const SEGMENTS: [&str; 6] = ["low", "medium", "high", "dormant", "unknown", "at-risk"];

pub(super) struct Wide {
    origin: Origin,
    /// Names of attributes 1 to 199; attribute 0 is the key.
    names: Vec<String>,
    order: Vec<u8>,
}

impl Wide {
    pub(super) fn new(mut origin: Origin) -> Self {
        let all = SUBJECTS.iter().flat_map(|subject| WINDOWS.map(|window| format!("{subject}_{window}")));
        let names = all.take(ATTRIBUTES - 1).collect();
        let mut order: Vec<u8> = (0..ATTRIBUTES as u8).collect();
        origin.draw.shuffle(&mut order);
        Wide { origin, names, order }
    }
}

impl Lines for Wide {
    fn append(&mut self, out: &mut Vec<u8>) {
        let customer = self.origin.unique();
        let draw = &mut self.origin.draw;
        self.order.rotate_left(draw.below(ATTRIBUTES as u32) as usize);
        attributes::line(out, &self.order, |out, which| {
            let Some(nth) = usize::from(which).checked_sub(1) else {
                return attributes::string_of(out, "pk", |out| {
                    out.extend_from_slice(b"customer#");
                    text::hex(out, customer.to_be_bytes());
                });
            };
            let name = &self.names[nth];
            // An attribute has one type in all rows, as columns have.
            let zero = draw.percent(60);
            match nth % 10 {
                0..=5 if zero => attributes::number(out, name, 0, 0),
                0..=2 => attributes::number(out, name, draw.between(0, 9_999_999), 2),
                3..=5 => attributes::number(out, name, draw.between(-500, 50_000), 0),
                6 => attributes::number(out, name, draw.between(0, 1_000_000), 6),
                7 => attributes::boolean(out, name, draw.percent(30)),
                8 => attributes::string(out, name, draw.one_of(&SEGMENTS)),
                _ if zero => attributes::null(out, name),
                _ => attributes::string_of(out, name, |out| text::timestamp(out, day(draw))),
            }
        });
    }
}

/// A midnight of the year before.
fn day(draw: &mut Draw) -> i64 {
    NEW_YEAR_MILLIS - DAY_MILLIS * draw.between(1, 365)
}

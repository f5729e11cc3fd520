//! Event ids: the same item of the same table and snapshot has the same id, whatever escapes or input format it came in.

use xxhash_rust::xxh3::xxh3_128;

use crate::input::Content;
use crate::recipe::RecipeSpec;
use crate::scan::Item;

const PREFIX_BYTES: usize = 16;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Computes event ids for one table and snapshot, or for one table and the changes to it.
///
/// ```text
///  digest of table, region, time (16) | per key: length (4), name | type (1) | length (4), value | time of write (8)
/// ```
/// A change has its own time instead of the snapshot's: exports that overlap give it one id.
pub(crate) struct EventIds {
    key_names: Vec<Vec<u8>>,
    scratch: Vec<u8>,
    decoded: Vec<u8>,
}

impl EventIds {
    pub(crate) fn new(spec: &RecipeSpec, content: Content) -> EventIds {
        let table = spec.table.as_ref().expect("a recipe of change records has a table");
        let mut identity = [table.name.as_bytes(), b"\0", table.region.as_bytes(), b"\0"].concat();
        if content == Content::Items {
            identity.extend_from_slice(&spec.snapshot_micros.to_le_bytes());
        }
        EventIds {
            key_names: spec.keys.iter().map(|name| with_length(name.as_bytes())).collect(),
            scratch: xxh3_128(&identity).to_be_bytes().to_vec(),
            decoded: Vec::new(),
        }
    }

    pub(crate) fn of(&mut self, line: &[u8], item: &Item) -> u128 {
        self.scratch.truncate(PREFIX_BYTES);
        for (name, key) in self.key_names.iter().zip(item.keys.iter().flatten()) {
            self.scratch.extend_from_slice(name);
            self.scratch.push(key.letter);
            self.scratch.extend_from_slice(&key.text.decoded_len.to_le_bytes());
            self.scratch.extend_from_slice(key.text.decoded(line, &mut self.decoded));
        }
        if let Some(micros) = item.micros {
            self.scratch.extend_from_slice(&micros.to_le_bytes());
        }
        xxh3_128(&self.scratch)
    }
}

fn with_length(name: &[u8]) -> Vec<u8> {
    [&(name.len() as u32).to_le_bytes(), name].concat()
}

/// How an id's 128 bits are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdForm {
    /// 32 digits.
    Hex,
    /// 32 digits and four dashes.
    Uuid,
}

impl IdForm {
    pub(crate) fn write(self, id: u128, out: &mut Vec<u8>) {
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(id.to_be_bytes()) {
            pair.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        match self {
            IdForm::Hex => out.extend_from_slice(&digits),
            IdForm::Uuid => write_dashed(&digits, out),
        }
    }
}

fn write_dashed(digits: &[u8; 32], out: &mut Vec<u8>) {
    out.extend_from_slice(&digits[..8]);
    for group in [8..12, 12..16, 16..20, 20..32] {
        out.push(b'-');
        out.extend_from_slice(&digits[group]);
    }
}

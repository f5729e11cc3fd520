//! One value of an Ion export, held against ion-rs: what ours takes it takes too and understands as we do, and what it
//! takes as an item that JSON can say, ours takes.

use std::sync::{Arc, LazyLock};

use backfleet_convert::{Content, Encoding, Format, Input, Notation, Reason, Recipe, RecipeSpec};

use crate::conversion::{Outcome, convert};
use crate::ion_reader::{line_of, normalised, read};
use crate::recipes::plain_spec;

/// Longer values only take longer.
const VALUE_BYTES_MAX: usize = 4 << 10;

const MARKER: &[u8] = b"$ion_1_0";

const ION: Input = Input { encoding: Encoding::Identity, notation: Notation::Ion, content: Content::Items };

static ITEM: LazyLock<Arc<Recipe>> = LazyLock::new(|| {
    let spec = RecipeSpec { keys: Vec::new(), ..plain_spec(Format::Item) };
    Arc::new(Recipe::new(spec).expect("a recipe"))
});

/// A value, of one line or several.
pub fn ion_line(value: &[u8]) {
    if value.len() > VALUE_BYTES_MAX {
        return;
    }
    let ours = convert(&ITEM, ION, &[value]).expect("plain bytes are whole");
    ours.check(&ITEM);
    if is_read_differently(value) {
        return;
    }
    let Some(read) = read(value) else { return };
    let shown = || String::from_utf8_lossy(value).into_owned();
    let theirs = match read {
        Ok(elements) => line_of(elements),
        Err(error) => {
            assert!(ours.totals.quarantined > 0 || ours.totals.records_in == 0, "{error}: {}", shown());
            return;
        }
    };
    if is_refused_for_base64(&ours) {
        return;
    }
    if let Some(theirs) = theirs.filter(is_item) {
        let ours = record(&ours).unwrap_or_else(|| panic!("{:?}: {}", ours.quarantined, shown()));
        assert_eq!(normalised(ours), theirs, "{}", shown());
    }
}

/// The record, if the file is one.
fn record(outcome: &Outcome) -> Option<serde_json::Value> {
    let [shard] = outcome.shards.as_slice() else { return None };
    let one = outcome.totals.records_in == 1;
    one.then(|| serde_json::from_slice(&shard.bytes).expect("a record is JSON"))
}

/// ion-rs takes base64 without its padding, which Ion asks for.
fn is_refused_for_base64(outcome: &Outcome) -> bool {
    outcome.quarantined.iter().any(|fault| fault.reason == Reason::InvalidBase64)
}

/// Whether the line is an item also by the rules that Ion does not have.
fn is_item(line: &serde_json::Value) -> bool {
    let line = line.to_string();
    let input = Input::json(Encoding::Identity);
    convert(&ITEM, input, &[line.as_bytes()]).is_ok_and(|outcome| outcome.quarantined.is_empty())
}

/// Where the two readers differ for a reason.
fn is_read_differently(value: &[u8]) -> bool {
    has_comment_behind_word(value)
        || has_word_like_id(value)
        || has_word_like_marker(value)
        || has_marker_on_later_line(value)
        || has_space_in_padding(value)
        || value.contains(&b'\r')
        // ion-rs does not look at bytes of comments.
        || std::str::from_utf8(value).is_err()
        || value.starts_with(b"\xef\xbb\xbf")
}

/// ion-rs wants a space there, which Ion does not ask for.
fn has_comment_behind_word(value: &[u8]) -> bool {
    let ends_word = |byte: u8| is_word(byte) || byte == b'.';
    let is_one = |bytes: &[u8]| ends_word(bytes[0]) && bytes[1] == b'/' && b"/*".contains(&bytes[2]);
    value.windows(3).any(is_one)
}

/// `$9x` is a word to the library that DynamoDB writes with, and no id of a symbol; ion-rs refuses it.
fn has_word_like_id(value: &[u8]) -> bool {
    value.windows(2).any(|bytes| bytes[0] == b'$' && bytes[1].is_ascii_digit())
}

/// `$ion_1_00` is one word, which ion-rs takes for a version marker and something more.
fn has_word_like_marker(value: &[u8]) -> bool {
    let goes_on = |bytes: &[u8]| bytes.starts_with(MARKER) && is_word(bytes[MARKER.len()]);
    value.windows(MARKER.len() + 1).any(goes_on)
}

/// A line that begins with a marker ends whatever value is open, so that one broken value costs no other.
fn has_marker_on_later_line(value: &[u8]) -> bool {
    value.split(|byte| *byte == b'\n').skip(1).any(|line| line.trim_ascii_start().starts_with(MARKER))
}

/// ion-rs wants the two of them together; Ion allows space anywhere in a blob.
fn has_space_in_padding(value: &[u8]) -> bool {
    value
        .split(|byte| *byte == b'=')
        .skip(1)
        .any(|between| !between.is_empty() && between.trim_ascii().is_empty())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')
}

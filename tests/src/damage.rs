//! What happens to files between two looks at them.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Flips the lowest bit of one byte.
pub fn flip_byte(file: &Path, at: usize) {
    let mut bytes = fs::read(file).expect("a file to damage");
    bytes[at] ^= 1;
    fs::write(file, bytes).expect("a file can be written");
}

/// Flips the lowest bit of the byte in the middle.
pub fn flip_middle(file: &Path) {
    flip_byte(file, length(file) / 2);
}

/// Cuts a file to its first bytes.
pub fn truncate(file: &Path, bytes: usize) {
    let whole = fs::read(file).expect("a file to damage");
    fs::write(file, &whole[..bytes]).expect("a file can be written");
}

/// Cuts a file in half.
pub fn halve(file: &Path) {
    truncate(file, length(file) / 2);
}

/// Other bytes of the same length, so that nothing but reading the file can tell.
pub fn garble(file: &Path) {
    fs::write(file, vec![b'#'; length(file)]).expect("a file can be written");
}

/// Alters one number of a file of JSON, found by its pointer, e.g. `/counts/shards`.
#[track_caller]
pub fn add_one(file: &Path, pointer: &str) {
    let json = fs::read(file).expect("a file to damage");
    let mut value: Value = serde_json::from_slice(&json).expect("a file of JSON");
    let number = value.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer} in {}", file.display()));
    *number = number.as_u64().map(|number| number + 1).into();
    fs::write(file, value.to_string()).expect("a file can be written");
}

/// Puts the bytes of one file into another.
pub fn copy_file(from: &Path, to: &Path) {
    fs::copy(from, to).expect("a file can be copied");
}

/// Length in bytes.
pub fn length(file: &Path) -> usize {
    let bytes = fs::metadata(file).expect("a file").len();
    usize::try_from(bytes).expect("a small file")
}

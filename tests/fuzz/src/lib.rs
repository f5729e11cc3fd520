//! What must hold of any bytes that reach a reader or the conversion, one function for each: the target of a guided run
//! (`make fuzz`), and of the replay that every test run does with the seeds and what has broken before.
//!
//! A target panics where a promise is broken. The first bytes of an input are its decisions (options, slicing), the rest
//! is what is read.

mod drawn;
mod quiet;
mod recipes;
mod conversion;
mod exports;
#[path = "../../../shared/convert/tests/conversion/oracle.rs"]
mod oracle;
mod json_lines;
mod ion_reader;
mod ion_lines;
mod packed;
mod pages;
mod columns;
mod records;
mod names;
mod manifests;

pub use columns::{parquet_digest, schema};
pub use exports::{changes, ion_export, json_export};
pub use ion_lines::ion_line;
pub use json_lines::json_line;
pub use manifests::export;
pub use names::layout;
pub use packed::{gzip, zstd};
pub use pages::page;
pub use records::{completion, control, link, manifest, message, plan};

/// Reads bytes and holds what comes of them to its promises.
pub type Target = fn(&[u8]);

/// Every target with its name, which is that of its folder of seeds.
pub const TARGETS: [(&str, Target); 18] = [
    ("json_export", json_export),
    ("json_line", json_line),
    ("changes", changes),
    ("ion_export", ion_export),
    ("ion_line", ion_line),
    ("gzip", gzip),
    ("zstd", zstd),
    ("page", page),
    ("schema", schema),
    ("parquet_digest", parquet_digest),
    ("plan", plan),
    ("completion", completion),
    ("manifest", manifest),
    ("link", link),
    ("message", message),
    ("control", control),
    ("layout", layout),
    ("export", export),
];

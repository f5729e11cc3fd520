//! A folder of data files without a manifest: every file in it is taken, and nothing says whether some are missing.

use std::sync::Arc;

use backfleet_convert::{Content, Notation};
use backfleet_core::digest::Sha256Digest;
use backfleet_core::limits::UNITS_MAX;
use backfleet_core::plan::{ExportPart, PartContent};
use backfleet_core::ports::{ListingEntry, ObjectStore};
use backfleet_worker::location::Location;

use super::find::split;
use super::part::{OpenedPart, peek_first};
use super::summary::old_images;
use super::{DataFile, ExportError};
use crate::spec::{Shown, SourceRequest};

/// Takes the files of `store`, which is the folder `place`.
pub(super) async fn open(
    place: Location,
    store: Arc<dyn ObjectStore>,
    request: &SourceRequest,
) -> Result<OpenedPart, ExportError> {
    let files = list(&*store).await?;
    let notation = notation(&*store, &files)?;
    let peeked = peek_first(&*store, &files, notation).await?;
    let content = peeked.as_ref().map(|peeked| peeked.content).ok_or_else(|| ExportError::NoRecords {
        place: store.describe(),
        first: files.first().map(|file| file.key.to_string()).unwrap_or_default(),
    })?;
    let part = ExportPart {
        export: digest(&files),
        notation: notation.to_string(),
        content: part_content(content, request)?,
        items: None,
        manifest: false,
    };
    let shown = Shown {
        changes: part.content != PartContent::Full,
        keys: peeked.map_or(Vec::new(), |peeked| peeked.keys),
        ..Shown::default()
    };
    Ok(OpenedPart { root: place.clone(), folder: place, part, shown, table_id: None, files })
}

async fn list(store: &dyn ObjectStore) -> Result<Vec<DataFile>, ExportError> {
    let mut files = Vec::new();
    let mut after = None;
    loop {
        let page = store.list("", after.as_ref()).await?;
        after = page.entries.last().map(|entry| entry.key.clone());
        files.extend(page.entries.into_iter().filter(is_data).map(|entry| DataFile {
            key: entry.key,
            bytes: entry.bytes,
            items: None,
            md5: None,
        }));
        if files.len() > UNITS_MAX {
            return Err(ExportError::TooManyFiles { file: store.describe() });
        }
        if !page.more {
            break;
        }
    }
    match files.is_empty() {
        true => Err(ExportError::NoDataFiles { place: store.describe() }),
        false => Ok(files),
    }
}

fn is_data(entry: &ListingEntry) -> bool {
    let hidden = |part: &str| part.starts_with('_') || part.starts_with('.');
    let key = entry.key.as_str();
    let (folder, name) = split(key);
    !folder.split('/').any(hidden)
        && !hidden(name)
        && !name.starts_with("manifest-")
        && notation_of(key).is_some()
}

fn notation_of(key: &str) -> Option<Notation> {
    let stem = key.strip_suffix(".gz").or(key.strip_suffix(".zst")).unwrap_or(key);
    match stem.rsplit_once('.')?.1 {
        "json" | "ndjson" | "jsonl" => Some(Notation::Json),
        "ion" => Some(Notation::Ion),
        _ => None,
    }
}

fn notation(store: &dyn ObjectStore, files: &[DataFile]) -> Result<Notation, ExportError> {
    let of = |file: &DataFile| notation_of(file.key.as_str()).expect("only data files were kept");
    let first = of(&files[0]);
    match files.iter().find(|file| of(file) != first) {
        None => Ok(first),
        Some(other) => Err(ExportError::TwoNotations {
            place: store.describe(),
            one: files[0].key.to_string(),
            other: other.key.to_string(),
        }),
    }
}

fn part_content(content: Content, request: &SourceRequest) -> Result<PartContent, ExportError> {
    match (content, &request.export_view) {
        (Content::Items, _) => Ok(PartContent::Full),
        (Content::Changes { .. }, Some(view)) => Ok(PartContent::Incremental {
            from: None,
            to: None,
            old_images: old_images(view)
                .ok_or_else(|| ExportError::Unsupported { what: format!("of the view {view}") })?,
        }),
        (Content::Changes { .. }, None) => Err(ExportError::NoView),
    }
}

/// Names and lengths are all that there is to know these files by.
fn digest(files: &[DataFile]) -> String {
    let lines: String = files.iter().map(|file| format!("{} {}\n", file.bytes, file.key)).collect();
    format!("files-{}", &Sha256Digest::of(lines.as_bytes()).to_string()[..16])
}

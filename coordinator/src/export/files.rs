//! `manifest-files.json`: one line per data file, in an order that means nothing.

use std::collections::BTreeMap;

use backfleet_core::key::ObjectKey;
use backfleet_core::limits::UNITS_MAX;
use backfleet_core::ports::{GetRequest, ObjectStore, PortFault};
use futures_util::StreamExt as _;
use md5::{Digest as _, Md5};
use serde::Deserialize;

use super::find::split;
use super::summary::{check_md5, manifest_key, missing};
use super::{ExportError, Summary};

/// A real line has about 220 bytes; a prefix is user text of at most 1,024.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024;

/// One data file of an export, as listed and as found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Below the folder that the export's data files lie in or below: its own, or the one around it.
    pub key: ObjectKey,
    /// Length as stored.
    pub bytes: u64,
    /// Items the manifest promises.
    pub items: Option<u64>,
    /// MD5 of the stored bytes, base64; a copy in another compression has none.
    pub md5: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    item_count: Option<u64>,
    md5_checksum: Option<String>,
    #[serde(rename = "dataFileS3Key")]
    data_file_s3_key: String,
}

/// Reads the list of files of the export at the root of `manifests`, in the order of their keys, with the length of each
/// as it lies in `data`: the same folder, or for an incremental export the one around it, where all of them put their files.
pub async fn read_data_files(
    manifests: &dyn ObjectStore,
    data: &dyn ObjectStore,
    summary: &Summary,
) -> Result<Vec<DataFile>, ExportError> {
    let name = split(&summary.manifest_files_s3_key).1.to_owned();
    let folder = summary.folder().to_owned();
    let incremental = summary.is_incremental();
    let mut reader = Reader { folder, incremental, name, lines: 0, files: BTreeMap::new() };
    reader.read(manifests).await?;
    let listed = reader.files;
    check_items(&listed, summary)?;
    let found = list_data(data, &listed).await?;
    pair(data, listed, found)
}

/// What the manifest says of one file. There may be a million of them: nothing that is not needed is kept.
struct Promise {
    items: Option<u64>,
    md5: Option<String>,
}

/// Of each listed file.
type Listed = BTreeMap<ObjectKey, Promise>;

struct Reader {
    folder: String,
    incremental: bool,
    name: String,
    lines: usize,
    files: Listed,
}

impl Reader {
    async fn read(&mut self, store: &dyn ObjectStore) -> Result<(), ExportError> {
        let key = manifest_key(&self.name)?;
        let mut bytes = match store.get(&key, GetRequest::default()).await {
            Err(error) if error.fault == PortFault::NotFound => return Err(missing(store, &self.name)),
            opened => opened?,
        };
        let mut md5 = Md5::new();
        let mut rest: Vec<u8> = Vec::new();
        while let Some(chunk) = bytes.next().await {
            let chunk = chunk?;
            md5.update(&chunk);
            rest.extend_from_slice(&chunk);
            let whole = rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            self.lines(&rest[..whole])?;
            rest.drain(..whole);
            if rest.len() > LINE_BYTES_MAX {
                return Err(ExportError::ManifestLine { file: self.name.clone(), line: self.lines + 1 });
            }
        }
        self.lines(&rest)?;
        check_md5(store, &self.name, md5.finalize().as_slice()).await
    }

    fn lines(&mut self, text: &[u8]) -> Result<(), ExportError> {
        if text.is_empty() {
            return Ok(());
        }
        for line in text.strip_suffix(b"\n").unwrap_or(text).split(|&byte| byte == b'\n') {
            self.lines += 1;
            if !line.trim_ascii().is_empty() {
                self.line(line)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, json: &[u8]) -> Result<(), ExportError> {
        let (file, at) = (|| self.name.clone(), self.lines);
        let line: Line = serde_json::from_slice(json).map_err(|source| ExportError::ManifestForm {
            file: file(),
            line: at,
            source,
        })?;
        let relative = self.relative(&line.data_file_s3_key).ok_or_else(|| ExportError::ForeignKey {
            file: file(),
            key: line.data_file_s3_key.clone(),
            line: at,
            folder: self.folder.clone(),
        })?;
        let key =
            ObjectKey::new(relative).map_err(|source| ExportError::Key { file: file(), line: at, source })?;
        if key.as_str().ends_with(".bz2") {
            return Err(ExportError::Unsupported { what: format!("one with `.bz2` data files ({key})") });
        }
        if self.files.len() == UNITS_MAX {
            return Err(ExportError::TooManyFiles { file: file() });
        }
        let promise = Promise { items: line.item_count, md5: line.md5_checksum };
        match self.files.insert(key, promise) {
            None => Ok(()),
            Some(_) => Err(ExportError::ListedTwice { file: file(), key: line.data_file_s3_key }),
        }
    }

    /// Keys are full keys of the bucket the export was written to, whatever bucket or folder it lies in now.
    /// Other writers list them relative to the export's folder.
    fn relative<'a>(&self, key: &'a str) -> Option<&'a str> {
        if self.incremental {
            // Everything below `AWSDynamoDB`, which the export's own folder is in.
            let around = split(&self.folder).0;
            let below = key.strip_prefix(around).and_then(|rest| rest.strip_prefix('/'));
            return below.or(key.rsplit_once("AWSDynamoDB/").map(|(_, rest)| rest)).or(Some(key));
        }
        if let Some(rest) = key.strip_prefix(&self.folder).and_then(|rest| rest.strip_prefix('/')) {
            return Some(rest);
        }
        let export = format!("/{}/", split(&self.folder).1);
        if let Some((before, rest)) = key.rsplit_once(&export)
            && (before == "AWSDynamoDB" || before.ends_with("/AWSDynamoDB"))
        {
            return Some(rest);
        }
        (!format!("/{key}").contains("/AWSDynamoDB/")).then_some(key)
    }
}

fn check_items(listed: &Listed, summary: &Summary) -> Result<(), ExportError> {
    let files = listed.values().try_fold(0_u64, |sum, file| Some(sum.saturating_add(file.items?)));
    match (files, summary.item_count) {
        (Some(files), Some(summary)) if files != summary => Err(ExportError::Items { files, summary }),
        _ => Ok(()),
    }
}

/// What a file's name is without the ending of its compression.
fn stem(key: &str) -> &str {
    key.strip_suffix(".gz").or(key.strip_suffix(".zst")).unwrap_or(key)
}

/// All names of the stem of this one, itself among them, in the order of a listing: so a copy in another compression is called.
fn spellings(key: &ObjectKey) -> impl Iterator<Item = ObjectKey> {
    let stem_of_all = stem(key.as_str());
    let names = ["", ".gz", ".zst"].into_iter().map(move |ending| format!("{stem_of_all}{ending}"));
    // One that is as long as a name can be has no copy of a longer name.
    names.filter(move |name| stem(name) == stem_of_all).filter_map(|name| ObjectKey::new(name).ok())
}

/// Lengths of what lies there and is listed, or is called as a copy of it would be.
type Found = BTreeMap<ObjectKey, u64>;

/// One listing of each folder that has listed files is far cheaper than asking for every file.
async fn list_data(store: &dyn ObjectStore, listed: &Listed) -> Result<Found, ExportError> {
    let mut folders: Vec<&str> = listed.keys().map(|key| split(key.as_str()).0).collect();
    folders.sort_unstable();
    folders.dedup();
    let is_wanted = |key: &ObjectKey| spellings(key).any(|spelling| listed.contains_key(&spelling));
    let mut found = Found::new();
    for folder in folders {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut after = None;
        loop {
            let page = store.list(&prefix, after.as_ref()).await?;
            after = page.entries.last().map(|entry| entry.key.clone());
            let wanted = page.entries.into_iter().filter(|entry| is_wanted(&entry.key));
            found.extend(wanted.map(|entry| (entry.key, entry.bytes)));
            if !page.more {
                break;
            }
        }
    }
    Ok(found)
}

/// The file itself, or a copy of it in another compression, which the manifest's MD5 says nothing about. What is listed
/// itself, or was taken already, is no copy of another file: its records would be there twice.
fn pair(store: &dyn ObjectStore, listed: Listed, mut found: Found) -> Result<Vec<DataFile>, ExportError> {
    let mut copies: Found = found.extract_if(.., |key, _| !listed.contains_key(key)).collect();
    let (total, mut missing, mut first) = (listed.len(), 0, None);
    let mut files = Vec::with_capacity(total);
    for (listed, Promise { items, md5 }) in listed {
        if let Some((key, bytes)) = found.remove_entry(&listed) {
            files.push(DataFile { key, bytes, items, md5 });
        } else if let Some((key, bytes)) = spellings(&listed).find_map(|name| copies.remove_entry(&name)) {
            files.push(DataFile { key, bytes, items, md5: None });
        } else {
            missing += 1;
            first.get_or_insert(listed);
        }
    }
    match first {
        None => Ok(files),
        Some(first) => Err(ExportError::FilesMissing {
            missing,
            listed: total,
            place: store.describe(),
            first: first.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_same_name_but_for_one_ending() {
        for (key, expected) in [
            ("d/x.json", vec!["d/x.json", "d/x.json.gz", "d/x.json.zst"]),
            ("d/x.json.gz", vec!["d/x.json", "d/x.json.gz", "d/x.json.zst"]),
            // What `x.gz` is a copy of is called `x`.
            ("x.gz.zst", vec!["x.gz.gz", "x.gz.zst"]),
        ] {
            let names: Vec<String> =
                spellings(&ObjectKey::new(key).unwrap()).map(|name| name.to_string()).collect();
            assert_eq!(names, expected, "{key}");
        }
    }
}

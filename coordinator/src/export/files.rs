//! `manifest-files.json`: one line per data file, in an order that means nothing.

use std::collections::BTreeMap;

use backfleet_core::key::ObjectKey;
use backfleet_core::limits::UNITS_MAX;
use backfleet_core::ports::{GetRequest, ListingEntry, ObjectStore, PortFault};
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
    /// Below the export's folder.
    pub key: ObjectKey,
    /// Length as stored.
    pub bytes: u64,
    /// Items the manifest promises.
    pub items: Option<u64>,
    /// MD5 of the stored bytes, base64.
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

/// Reads the list of files of the export at the root of `store`, in the order of their keys, with the length
/// of each as it lies there.
pub async fn read_data_files(
    store: &dyn ObjectStore,
    summary: &Summary,
) -> Result<Vec<DataFile>, ExportError> {
    let name = split(&summary.manifest_files_s3_key).1.to_owned();
    let mut reader = Reader { folder: summary.folder().to_owned(), name, lines: 0, files: BTreeMap::new() };
    reader.read(store).await?;
    let listed = reader.files;
    check_items(&listed, summary)?;
    let found = list_data(store, &listed).await?;
    pair(store, listed, &found)
}

struct Reader {
    folder: String,
    name: String,
    lines: usize,
    files: BTreeMap<ObjectKey, Line>,
}

impl Reader {
    async fn read(&mut self, store: &dyn ObjectStore) -> Result<(), ExportError> {
        let key = manifest_key(&self.name);
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
        if let Some(ending) =
            [".zst", ".bz2", ".ion.gz"].iter().find(|ending| key.as_str().ends_with(**ending))
        {
            return Err(ExportError::Unsupported { what: format!("one with `{ending}` data files ({key})") });
        }
        if self.files.len() == UNITS_MAX {
            return Err(ExportError::TooManyFiles { file: file() });
        }
        match self.files.insert(key, line) {
            None => Ok(()),
            Some(twice) => Err(ExportError::ListedTwice { file: file(), key: twice.data_file_s3_key }),
        }
    }

    /// Keys are full keys of the bucket the export was written to, whatever bucket or folder it lies in now.
    /// Other writers list them relative to the export's folder.
    fn relative<'a>(&self, key: &'a str) -> Option<&'a str> {
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

fn check_items(listed: &BTreeMap<ObjectKey, Line>, summary: &Summary) -> Result<(), ExportError> {
    let files: Option<u64> = listed.values().map(|line| line.item_count).sum();
    match (files, summary.item_count) {
        (Some(files), Some(summary)) if files != summary => Err(ExportError::Items { files, summary }),
        _ => Ok(()),
    }
}

/// One listing of each folder that has listed files is far cheaper than asking for every file.
async fn list_data(
    store: &dyn ObjectStore,
    listed: &BTreeMap<ObjectKey, Line>,
) -> Result<BTreeMap<ObjectKey, ListingEntry>, ExportError> {
    let mut folders: Vec<&str> = listed.keys().map(|key| split(key.as_str()).0).collect();
    folders.sort_unstable();
    folders.dedup();
    let mut found = BTreeMap::new();
    for folder in folders {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut after = None;
        loop {
            let page = store.list(&prefix, after.as_ref()).await?;
            after = page.entries.last().map(|entry| entry.key.clone());
            let ours = page.entries.into_iter().filter(|entry| listed.contains_key(&entry.key));
            found.extend(ours.map(|entry| (entry.key.clone(), entry)));
            if !page.more {
                break;
            }
        }
    }
    Ok(found)
}

fn pair(
    store: &dyn ObjectStore,
    listed: BTreeMap<ObjectKey, Line>,
    found: &BTreeMap<ObjectKey, ListingEntry>,
) -> Result<Vec<DataFile>, ExportError> {
    let mut absent = listed.keys().filter(|key| !found.contains_key(key));
    if let Some(first) = absent.next() {
        return Err(ExportError::FilesMissing {
            missing: 1 + absent.count(),
            listed: listed.len(),
            place: store.describe(),
            first: first.to_string(),
        });
    }
    let file = |(key, line): (ObjectKey, Line)| {
        let entry = &found[&key];
        DataFile { bytes: entry.bytes, items: line.item_count, md5: line.md5_checksum, key }
    };
    Ok(listed.into_iter().map(file).collect())
}

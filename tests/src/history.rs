//! A table's history as exports tell it: a full one, and windows of changes beside it that share one folder for their
//! data files, in the layout and with the fields of real ones.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::handmade::{TABLE_ARN, gzip};
use crate::listing::{md5_base64, write_with_md5};

/// A folder that holds exports, as a bucket does.
#[derive(Debug)]
pub struct History {
    home: TempDir,
}

/// One export to be.
#[derive(Debug, Clone, Copy)]
pub struct Export<'a> {
    /// Its id.
    pub id: &'a str,
    /// The moment of a full one, or the window of changes: RFC 3339.
    pub times: Times<'a>,
    /// `DYNAMODB_JSON` or `ION`.
    pub format: &'a str,
    /// `NEW_AND_OLD_IMAGES` or `NEW_IMAGE`, of changes.
    pub view: &'a str,
}

/// What an export shows.
#[derive(Debug, Clone, Copy)]
pub enum Times<'a> {
    /// A moment.
    At(&'a str),
    /// A window.
    Between(&'a str, &'a str),
}

impl<'a> Export<'a> {
    /// A full export.
    pub fn full(id: &'a str, at: &'a str) -> Self {
        Self { id, times: Times::At(at), format: "DYNAMODB_JSON", view: "" }
    }

    /// Changes, with old images.
    pub fn window(id: &'a str, from: &'a str, to: &'a str) -> Self {
        Self { id, times: Times::Between(from, to), format: "DYNAMODB_JSON", view: "NEW_AND_OLD_IMAGES" }
    }
}

impl Default for History {
    fn default() -> Self {
        Self { home: tempfile::tempdir().expect("a temporary folder") }
    }
}

impl History {
    /// Where the exports lie.
    pub fn place(&self) -> PathBuf {
        self.home.path().join("bucket/pre fix/AWSDynamoDB")
    }

    /// A folder beside them; not there yet.
    pub fn dest(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Writes an export of these files, each of these lines, and gives its folder.
    pub fn write(&self, export: Export, files: &[&[String]]) -> PathBuf {
        let folder = self.place().join(export.id);
        fs::create_dir_all(&folder).expect("a folder for the export");
        let data = match export.times {
            Times::At(_) => format!("{}/data", export.id),
            Times::Between(..) => "data".to_owned(),
        };
        let ending = if export.format == "ION" { "ion.gz" } else { "json.gz" };
        let line = |(n, lines): (usize, &&[String])| {
            let name = format!("{data}/{}{n:04}.{ending}", export.id.replace('-', "x"));
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let stored = gzip(text.as_bytes());
            let path = self.place().join(&name);
            fs::create_dir_all(path.parent().expect("a file lies in a folder"))
                .expect("a folder for the data");
            fs::write(path, &stored).expect("a data file can be written");
            json!({"itemCount": lines.len(), "md5Checksum": md5_base64(&stored), "etag": "0-1",
                "dataFileS3Key": format!("pre fix/AWSDynamoDB/{name}")})
        };
        let listed: String = files.iter().enumerate().map(line).map(|line| format!("{line}\n")).collect();
        let items: usize = files.iter().map(|lines| lines.len()).sum();
        write_with_md5(&folder, "manifest-files", listed.as_bytes());
        write_with_md5(&folder, "manifest-summary", summary(export, items).to_string().as_bytes());
        fs::write(folder.join("_started"), "").expect("a mark can be written");
        folder
    }
}

/// The places of several exports as one `--source`.
pub fn chain(folders: &[&Path]) -> String {
    let texts: Vec<&str> = folders.iter().map(|folder| folder.to_str().expect("paths are text")).collect();
    texts.join(",")
}

/// Fields and their order as in the summaries of 2026.
fn summary(export: Export, items: usize) -> Value {
    let mut summary = json!({"exportArn": format!("{TABLE_ARN}/export/{}", export.id), "tableArn": TABLE_ARN,
        "tableId": "cf263806-6bf1-4e51-a242-7067dcdecc72", "s3Bucket": "bucket", "s3Prefix": "pre fix",
        "manifestFilesS3Key": format!("pre fix/AWSDynamoDB/{}/manifest-files.json", export.id),
        "itemCount": items, "outputFormat": export.format});
    let further = match export.times {
        Times::At(time) => json!({"version": "2020-06-30", "exportTime": time}),
        Times::Between(from, to) => {
            json!({"version": "2023-08-01", "exportFromTime": from, "exportToTime": to,
            "outputView": export.view, "exportType": "INCREMENTAL_EXPORT"})
        }
    };
    let fields = further.as_object().expect("an object was written").clone();
    summary.as_object_mut().expect("an object was written").extend(fields);
    summary
}

/// A line of changes, in the order of real ones. Images are the insides of their maps.
pub fn change(micros: u64, keys: &str, old: Option<&str>, new: Option<&str>) -> String {
    let image = |name: &str, image: Option<&str>| match image {
        Some(inside) => format!(r#","{name}":{{{inside}}}"#),
        None => String::new(),
    };
    format!(
        r#"{{"Metadata":{{"WriteTimestampMicros":{{"N":"{micros}"}}}},"Keys":{{{keys}}}{}{}}}"#,
        image("OldImage", old),
        image("NewImage", new)
    )
}

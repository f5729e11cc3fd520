//! Exports written line by line, in AWS's layout or as other tools write them.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::export::Export;
use crate::listing::{md5_base64, write_with_md5};

/// The folder of a handmade export below its place.
pub const FOLDER: &str = "AWSDynamoDB/01768385930622-0123abcd";
/// Its table.
pub const TABLE_ARN: &str = "arn:aws:dynamodb:eu-north-1:123456789123:table/Handmade";

/// One data file to be: its name and its uncompressed bytes.
#[derive(Debug)]
pub struct DataFile<'a> {
    /// Below `data/`; `.gz` at its end decides whether it is compressed.
    pub name: &'a str,
    /// What it holds.
    pub text: Vec<u8>,
}

impl<'a> DataFile<'a> {
    /// A file of these lines, each ended by a newline.
    pub fn of_lines<L: AsRef<[u8]>>(name: &'a str, lines: impl IntoIterator<Item = L>) -> Self {
        let text = lines.into_iter().flat_map(|line| [line.as_ref(), b"\n"].concat()).collect();
        Self { name, text }
    }

    fn items(&self) -> usize {
        let text = self.text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&self.text);
        text.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count()
    }
}

/// An export as DynamoDB writes it, with manifests that fit.
pub fn export(files: &[DataFile]) -> Export {
    export_at(FOLDER, FOLDER, files)
}

/// An export that lies in `path` while its manifests name the folder `key`, as in the bucket it came from.
pub fn export_at(path: &str, key: &str, files: &[DataFile]) -> Export {
    Export::written(path, |folder| {
        let line = |file: &DataFile| {
            let stored = write_data(folder, file);
            json!({"itemCount": file.items(), "md5Checksum": md5_base64(&stored), "etag": "0-1",
                "dataFileS3Key": format!("{key}/data/{}", file.name)})
        };
        write_manifests(folder, &files.iter().map(line).collect::<Vec<_>>(), summary(key, files));
    })
}

/// An export with as few fields as scylla-migrator writes: relative keys, no checksums, no table, no times.
pub fn bare_export(files: &[DataFile]) -> Export {
    Export::written("bare", |folder| {
        let line = |file: &DataFile| {
            write_data(folder, file);
            json!({"itemCount": file.items(), "dataFileS3Key": format!("data/{}", file.name)}).to_string()
                + "\n"
        };
        let lines: String = files.iter().map(line).collect();
        let items: usize = files.iter().map(DataFile::items).sum();
        let summary = json!({"version": "2020-06-30", "manifestFilesS3Key": "manifest-files.json",
            "itemCount": items, "outputFormat": "DYNAMODB_JSON"});
        fs::write(folder.join("manifest-files.json"), lines).expect("a manifest can be written");
        fs::write(folder.join("manifest-summary.json"), summary.to_string())
            .expect("a manifest can be written");
    })
}

fn summary(key: &str, files: &[DataFile]) -> Value {
    let id = key.rsplit('/').next().expect("a key has a last part");
    json!({"version": "2020-06-30", "exportArn": format!("{TABLE_ARN}/export/{id}"),
        "startTime": "2026-01-14T10:18:50.622Z", "endTime": "2026-01-14T10:24:58.984Z", "tableArn": TABLE_ARN,
        "tableId": "cf263806-6bf1-4e51-a242-7067dcdecc72", "exportTime": "2026-01-14T10:18:50.622Z",
        "s3Bucket": "test", "s3Prefix": null, "s3SseAlgorithm": "AES256", "s3SseKmsKeyId": null,
        "manifestFilesS3Key": format!("{key}/manifest-files.json"), "billedSizeBytes": 0,
        "itemCount": files.iter().map(DataFile::items).sum::<usize>(), "outputFormat": "DYNAMODB_JSON"})
}

fn write_manifests(folder: &Path, lines: &[Value], summary: Value) {
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(folder.join("_started"), "").expect("a mark can be written");
    write_with_md5(folder, "manifest-files", lines.as_bytes());
    write_with_md5(folder, "manifest-summary", summary.to_string().as_bytes());
}

fn write_data(folder: &Path, file: &DataFile) -> Vec<u8> {
    let stored = if file.name.ends_with(".gz") { gzip(&file.text) } else { file.text.clone() };
    fs::create_dir_all(folder.join("data")).expect("a folder for the data");
    fs::write(folder.join("data").join(file.name), &stored).expect("a data file can be written");
    stored
}

/// One gzip member.
pub fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// A good line with this partition key; `rest` are further attributes.
pub fn item(pk: &str, rest: &str) -> String {
    let comma = if rest.is_empty() { "" } else { "," };
    format!(r#"{{"Item":{{"pk":{{"S":"{pk}"}}{comma}{rest}}}}}"#)
}

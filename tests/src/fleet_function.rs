//! A function on the emulator that keeps what it is handed in a file, as a live pipeline's would in a lake.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fleet_cloud::Cloud;

const FILE: &str = "function.py";
/// It fails with the items of `POISON`, and reports the first of those of `REPORTED`; everything before that is kept.
const CODE: &str = r#"
import json

POISON, REPORTED = set(@POISON@), set(@REPORTED@)

def handler(event, context):
    keys = [record["dynamodb"]["Keys"]["pk"]["S"] for record in event["Records"]]
    if POISON.intersection(keys):
        raise ValueError("poison")
    with open(@KEPT@, "a") as kept:
        for key, record in zip(keys, event["Records"]):
            if key in REPORTED:
                return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
            kept.write(json.dumps(record) + "\n")
    return {"batchItemFailures": []}
"#;

/// A function, and where it keeps records.
#[derive(Debug)]
pub struct Function {
    folder: TempDir,
}

impl Function {
    /// Makes a function of this name that takes everything but these items.
    pub fn create(cloud: &Cloud, name: &str, poison: &[&str], reported: &[&str]) -> Self {
        let function = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let request = json!({
            "FunctionName": name,
            "Runtime": "python3.12",
            "Role": "arn:aws:iam::000000000000:role/function",
            "Handler": "function.handler",
            "Code": {"ZipFile": function.archive(poison, reported)},
        });
        cloud.lambda("POST /2015-03-31/functions", &request);
        function
    }

    /// Has the function of this name take everything from now on, and keep it anew.
    pub fn create_over(cloud: &Cloud, name: &str) -> Self {
        let function = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let request = json!({"ZipFile": function.archive(&[], &[])});
        cloud.lambda(&format!("PUT /2015-03-31/functions/{name}/code"), &request);
        function
    }

    fn archive(&self, poison: &[&str], reported: &[&str]) -> String {
        let code = CODE
            .replace("@POISON@", &json!(poison).to_string())
            .replace("@REPORTED@", &json!(reported).to_string())
            .replace("@KEPT@", &json!(self.kept_file()).to_string());
        STANDARD.encode(zip(FILE, code.as_bytes()))
    }

    /// Every record that was handed over and kept, in order.
    pub fn kept(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.kept_file()).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a record is JSON")).collect()
    }

    /// How often each record was kept, by its event.
    pub fn times(&self) -> BTreeMap<String, usize> {
        let mut times = BTreeMap::new();
        for record in self.kept() {
            *times.entry(record["eventID"].as_str().expect("an id").to_owned()).or_default() += 1;
        }
        times
    }

    fn kept_file(&self) -> PathBuf {
        self.folder.path().join("kept.ndjson")
    }
}

/// An archive of one file, as it is (APPNOTE.TXT of PKWARE: local header, file, central directory, its end).
fn zip(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a small file").to_le_bytes();
    // Flags, method, time, date; then checksum, both lengths, the name's length, no extra field.
    let mut common = vec![0; 8];
    common.extend(crc.sum().to_le_bytes());
    common.extend([length(bytes), length(bytes), length(name.as_bytes())].concat());
    let mut archive = [b"PK\x03\x04\x0a\0", &common[..], name.as_bytes(), bytes].concat();
    let directory_at = length(&archive);
    let mut entry = [b"PK\x01\x02\x0a\0\x0a\0", &common[..]].concat();
    // No comment, disk 0, no attributes, the header at 0.
    entry.extend([0; 14]);
    entry.extend(name.as_bytes());
    archive.extend(&entry);
    archive.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    archive.extend([length(&entry), directory_at].concat());
    archive.extend([0; 2]);
    archive
}

//! The four manifest files, with fields in the order AWS writes them.
//!
//! `serde_json` writes struct fields in the order they stand here; that order is what these structs are for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde::Serialize;

use super::SynthSpec;
use super::data_file::DataFile;
use super::identity::Identity;
use super::text;

/// Every full export from 2020 to 2026 says so.
const VERSION: &str = "2020-06-30";

/// A line of `manifest-files.json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    item_count: u64,
    md5_checksum: String,
    etag: String,
    data_file_s3_key: &'a str,
}

/// `manifest-summary.json`. No real full export has an `exportType`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    version: &'static str,
    export_arn: &'a str,
    start_time: &'a str,
    end_time: &'a str,
    table_arn: &'a str,
    table_id: &'a str,
    export_time: &'a str,
    s3_bucket: &'a str,
    s3_prefix: Option<&'a str>,
    s3_sse_algorithm: &'static str,
    s3_sse_kms_key_id: Option<&'a str>,
    manifest_files_s3_key: &'a str,
    billed_size_bytes: u64,
    item_count: u64,
    output_format: &'a str,
}

/// Names and contents, the summary last: whoever sees it may rely on all the rest.
pub(super) fn files_in_order_of_writing(
    spec: &SynthSpec,
    identity: &Identity,
    files: &[DataFile],
) -> [(&'static str, Vec<u8>); 4] {
    let lines = lines(identity, files);
    let summary = summary(spec, identity, files);
    [
        ("manifest-files.md5", md5_text(&lines)),
        ("manifest-files.json", lines),
        ("manifest-summary.md5", md5_text(&summary)),
        ("manifest-summary.json", summary),
    ]
}

fn lines(identity: &Identity, files: &[DataFile]) -> Vec<u8> {
    let mut lines = Vec::new();
    for &file in &identity.manifest_order {
        let DataFile { items, md5, .. } = files[file];
        let line = Line {
            item_count: items,
            md5_checksum: STANDARD.encode(md5),
            etag: etag(&md5),
            data_file_s3_key: &format!("{}/data/{}", identity.folder(), identity.data_files[file]),
        };
        serde_json::to_writer(&mut lines, &line).expect("numbers and text always become JSON");
        lines.push(b'\n');
    }
    lines
}

fn summary(spec: &SynthSpec, identity: &Identity, files: &[DataFile]) -> Vec<u8> {
    let start_time = time(spec.export_time_millis);
    let summary = Summary {
        version: VERSION,
        export_arn: &identity.export_arn,
        start_time: &start_time,
        end_time: &time(identity.end_time_millis),
        table_arn: &identity.table_arn,
        table_id: &identity.table_id,
        export_time: &start_time,
        s3_bucket: &spec.bucket,
        s3_prefix: spec.prefix.as_deref(),
        s3_sse_algorithm: "AES256",
        s3_sse_kms_key_id: None,
        manifest_files_s3_key: &format!("{}/manifest-files.json", identity.folder()),
        // Most real exports say 0 here, whatever was billed.
        billed_size_bytes: 0,
        item_count: files.iter().map(|file| file.items).sum(),
        output_format: &spec.notation.to_string(),
    };
    serde_json::to_vec(&summary).expect("numbers and text always become JSON")
}

/// S3's entity tag of a multipart upload of one part, which is how DynamoDB uploads data files.
pub(super) fn etag(md5: &[u8; 16]) -> String {
    let digest: [u8; 16] = Md5::digest(md5).into();
    let mut etag = Vec::with_capacity(34);
    text::hex(&mut etag, digest);
    etag.extend_from_slice(b"-1");
    ascii(etag)
}

fn md5_text(content: &[u8]) -> Vec<u8> {
    STANDARD.encode(Md5::digest(content)).into_bytes()
}

fn time(millis: i64) -> String {
    let mut time = Vec::with_capacity(24);
    text::timestamp(&mut time, millis);
    ascii(time)
}

fn ascii(text: Vec<u8>) -> String {
    String::from_utf8(text).expect("digits and letters only")
}

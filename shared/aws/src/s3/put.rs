//! Writing an object once.

use async_trait::async_trait;
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use backfleet_core::digest::Sha256Digest;
use backfleet_core::key::ObjectKey;
use backfleet_core::metrics::PUT_CONFLICTS;
use backfleet_core::ports::{ControlStore, NewObject, PortError, PortFault, PutOutcome};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::{S3Store, sha256_of_whole, transfer_max};
use crate::call::{Call, code_of};
use crate::classify::{Scope, own};

impl S3Store {
    /// One PutObject that S3 carries out only if nothing is there and the bytes arrive as they were meant.
    pub(super) async fn put_once(&self, object: NewObject) -> Result<PutOutcome, PortError> {
        object.check()?;
        let call = Call {
            name: "object_store.put_new",
            subject: self.subject(object.key.as_str()),
            scope: Scope::S3,
            writes: true,
            limit: transfer_max(object.bytes.len() as u64),
        };
        let answer = self
            .client
            .put_object()
            .bucket(&self.bucket.name)
            .key(self.full_key(&object.key))
            .set_expected_bucket_owner(self.bucket.owner.clone())
            .if_none_match("*")
            .checksum_sha256(STANDARD.encode(object.sha256.0))
            .content_type(content_type(object.key.as_str()))
            .set_metadata(Some(object.metadata.into_iter().collect()))
            .body(object.bytes.into())
            .send();
        match call.ask(answer).await {
            Ok(stored) => confirmed(&call, &stored, object.sha256),
            // The only condition was that nothing is there.
            Err(error) if error.fault == PortFault::Changed => Ok(PutOutcome::AlreadyThere),
            Err(error) => Err(counted(error)),
        }
    }
}

#[async_trait]
impl ControlStore for S3Store {
    async fn replace(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), PortError> {
        let call = Call {
            name: "control_store.replace",
            subject: self.subject(key.as_str()),
            scope: Scope::S3,
            writes: true,
            limit: transfer_max(bytes.len() as u64),
        };
        let answer = self
            .client
            .put_object()
            .bucket(&self.bucket.name)
            .key(self.full_key(key))
            .set_expected_bucket_owner(self.bucket.owner.clone())
            .checksum_sha256(STANDARD.encode(Sha256Digest::of(&bytes).0))
            .content_type(content_type(key.as_str()))
            .body(bytes.into())
            .send();
        call.ask(answer).await.map(|_| ())
    }
}

/// An answer without a checksum says nothing either way; S3 itself always names it.
fn confirmed(call: &Call, stored: &PutObjectOutput, sha256: Sha256Digest) -> Result<PutOutcome, PortError> {
    match stored.checksum_sha256.as_deref() {
        Some(told) if sha256_of_whole(told) != Some(sha256) => {
            Err(call.failed_as(own::OTHER_CHECKSUM_STORED, "the answer names another SHA-256 than was sent"))
        }
        _ => Ok(PutOutcome::Created),
    }
}

fn counted(error: PortError) -> PortError {
    if matches!(code_of(&error), Some("ConditionalRequestConflict" | "OperationAborted")) {
        metrics::counter!(PUT_CONFLICTS, "kind" => "retry_409").increment(1);
    }
    error
}

/// Says what the bytes are, compression and all. Never `Content-Encoding`: readers go by the name, and some HTTP
/// clients would take the compression off on the way.
fn content_type(key: &str) -> &'static str {
    match key.rsplit_once('.').map(|(_, extension)| extension) {
        Some("json") => "application/json",
        Some("ndjson") => "application/x-ndjson",
        Some("gz") => "application/gzip",
        Some("zst") => "application/zstd",
        Some("parquet") => "application/vnd.apache.parquet",
        Some("html") => "text/html; charset=utf-8",
        _ => "application/octet-stream",
    }
}

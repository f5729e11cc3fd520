//! An object store in one bucket under one prefix.

mod body;
mod list;
mod put;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::ChecksumMode;
use backfleet_core::digest::Sha256Digest;
use backfleet_core::key::ObjectKey;
use backfleet_core::ports::{
    ByteStream, ETag, GetRequest, Listing, Metadata, NewObject, ObjectInfo, ObjectStore, PortError,
    PortFault, PutOutcome,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::call::Call;
use crate::classify::{Scope, own};
use crate::limits::{SMALL_CALL_MAX, TRANSFER_GRACE, TRANSFER_RATE_MIN};
use body::Body;

/// A bucket and whose it has to be.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    /// Goes with every call, so that a bucket of the same name in other hands is refused.
    pub(crate) owner: Option<String>,
}

/// The objects of one bucket under one prefix.
///
/// A `head` of an object in a bucket that does not exist answers like one of a missing object: S3 gives a HEAD no
/// body to tell the two apart. Every other call says that the bucket is missing.
#[derive(Debug, Clone)]
pub struct S3Store {
    client: Client,
    bucket: Bucket,
    /// Empty, or ends with a slash.
    root: String,
}

impl S3Store {
    pub(crate) fn new(client: Client, bucket: Bucket, prefix: &str) -> Self {
        let prefix = prefix.trim_matches('/');
        let root = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Self { client, bucket, root }
    }

    fn full_key(&self, key: &ObjectKey) -> String {
        format!("{}{key}", self.root)
    }

    fn subject(&self, key: &str) -> String {
        format!("s3://{}/{}{key}", self.bucket.name, self.root)
    }

    fn reading(&self, name: &'static str, key: &str, limit: Duration) -> Call {
        Call { name, subject: self.subject(key), scope: Scope::S3, writes: false, limit }
    }

    /// An answer to a GET, with its body not yet read.
    async fn open(
        &self,
        call: &Call,
        key: &ObjectKey,
        request: &GetRequest,
    ) -> Result<GetObjectOutput, PortError> {
        // A part of an object has no checksum of its own.
        let checked = request.range.is_none().then_some(ChecksumMode::Enabled);
        let answer = self
            .client
            .get_object()
            .bucket(&self.bucket.name)
            .key(self.full_key(key))
            .set_expected_bucket_owner(self.bucket.owner.clone())
            .set_if_match(request.if_match.as_ref().map(|etag| etag.0.clone()))
            .set_range(request.range.as_ref().map(header_of))
            .set_checksum_mode(checked)
            .send();
        call.ask(answer).await
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn get(&self, key: &ObjectKey, request: GetRequest) -> Result<ByteStream, PortError> {
        // What is wrong with a range whatever the object's size is.
        request.range_within(key, u64::MAX)?;
        let call = self.reading("object_store.get", key.as_str(), TRANSFER_GRACE);
        let answer = self.open(&call, key, &request).await?;
        let bytes = length(&call, answer.content_length)?;
        if let Some(range) = &request.range
            && bytes != range.end - range.start
        {
            return Err(
                call.refused(PortFault::Invalid, format!("the range {range:?} brought {bytes} bytes"))
            );
        }
        Ok(Body::new(call, answer.body, bytes).into_stream())
    }

    async fn get_small(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, PortError> {
        let call = self.reading("object_store.get_small", key.as_str(), TRANSFER_GRACE);
        let answer = match self.open(&call, key, &GetRequest::default()).await {
            Ok(answer) => answer,
            Err(error) if error.fault == PortFault::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let bytes = length(&call, answer.content_length)?;
        if bytes > bytes_max as u64 {
            return Err(
                call.refused(PortFault::TooLarge, format!("{bytes} bytes, where {bytes_max} are allowed"))
            );
        }
        Body::new(call, answer.body, bytes).collect().await.map(Some)
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, PortError> {
        let call = self.reading("object_store.head", key.as_str(), SMALL_CALL_MAX);
        let answer = self
            .client
            .head_object()
            .bucket(&self.bucket.name)
            .key(self.full_key(key))
            .set_expected_bucket_owner(self.bucket.owner.clone())
            .checksum_mode(ChecksumMode::Enabled)
            .send();
        match call.ask(answer).await {
            Ok(answer) => info(&call, answer).map(Some),
            Err(error) if error.fault == PortFault::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, PortError> {
        self.list_page(prefix, after).await
    }

    async fn put_new(&self, object: NewObject) -> Result<PutOutcome, PortError> {
        self.put_once(object).await
    }

    fn describe(&self) -> String {
        self.subject("").trim_end_matches('/').to_owned()
    }
}

fn header_of(range: &Range<u64>) -> String {
    format!("bytes={}-{}", range.start, range.end - 1)
}

fn info(call: &Call, answer: HeadObjectOutput) -> Result<ObjectInfo, PortError> {
    Ok(ObjectInfo {
        bytes: length(call, answer.content_length)?,
        etag: etag(call, answer.e_tag)?,
        sha256: answer.checksum_sha256.as_deref().and_then(sha256_of_whole),
        metadata: metadata(answer.metadata),
    })
}

fn length(call: &Call, header: Option<i64>) -> Result<u64, PortError> {
    header
        .and_then(|bytes| u64::try_from(bytes).ok())
        .ok_or_else(|| call.failed_as(own::ANSWER_CUT_SHORT, "the answer names no length"))
}

fn etag(call: &Call, header: Option<String>) -> Result<ETag, PortError> {
    header.map(ETag).ok_or_else(|| call.failed_as(own::ANSWER_CUT_SHORT, "the answer names no ETag"))
}

fn metadata(headers: Option<HashMap<String, String>>) -> Metadata {
    headers.unwrap_or_default().into_iter().collect()
}

/// The digest of an object that was put in one piece. That of a multipart upload is one of digests, with the
/// number of parts behind it, and does not decode.
fn sha256_of_whole(header: &str) -> Option<Sha256Digest> {
    let bytes = STANDARD.decode(header).ok()?;
    Some(Sha256Digest(bytes.try_into().ok()?))
}

/// How long moving `bytes` may take in all.
fn transfer_max(bytes: u64) -> Duration {
    TRANSFER_GRACE + Duration::from_secs(bytes / TRANSFER_RATE_MIN)
}

//! The body of an answer on its way: counted, checked, and not waited for without end.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream as SdkByteStream;
use aws_smithy_types::byte_stream::error::Error as SdkStreamError;
use backfleet_core::ports::{ByteStream, PortError};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, timeout};

use super::transfer_max;
use crate::call::{Call, find};
use crate::classify::own;

/// A body of known length. Time counts only while somebody waits for bytes: a reader that is busy with those it
/// has may take as long as it likes.
pub(super) struct Body {
    call: Call,
    inner: SdkByteStream,
    bytes: u64,
    received: u64,
    waited: Duration,
}

impl Body {
    pub(super) fn new(call: Call, inner: SdkByteStream, bytes: u64) -> Self {
        Self { call, inner, bytes, received: 0, waited: Duration::ZERO }
    }

    pub(super) fn into_stream(self) -> ByteStream {
        stream::try_unfold(self, |mut body| async move {
            let chunk = body.chunk().await?;
            Ok(chunk.map(|chunk| (chunk, body)))
        })
        .boxed()
    }

    /// All of it. The caller has found the length to be one it can hold.
    pub(super) async fn collect(mut self) -> Result<Bytes, PortError> {
        let mut whole = BytesMut::with_capacity(usize::try_from(self.bytes).unwrap_or(0));
        while let Some(chunk) = self.chunk().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, PortError> {
        let Some(chunk) = self.next().await? else {
            return self.ended();
        };
        self.received += chunk.len() as u64;
        if self.received > self.bytes {
            return Err(self.cut_short("more bytes came than were announced"));
        }
        Ok(Some(chunk))
    }

    async fn next(&mut self) -> Result<Option<Bytes>, PortError> {
        let patience = transfer_max(self.received).saturating_sub(self.waited);
        let began = Instant::now();
        let next = timeout(patience, self.inner.next()).await;
        self.waited += began.elapsed();
        match next {
            Ok(chunk) => chunk.transpose().map_err(|error| self.broke(&error)),
            Err(_) => Err(self.cut_short("slower than the slowest way that is waited for")),
        }
    }

    fn ended(&self) -> Result<Option<Bytes>, PortError> {
        if self.received == self.bytes { Ok(None) } else { Err(self.cut_short("the body ended early")) }
    }

    fn broke(&self, error: &SdkStreamError) -> PortError {
        if find::<aws_smithy_checksums::body::validate::Error>(error).is_some() {
            return self.call.failed_as(own::ANSWER_CORRUPTED, "the body is not what its checksum says");
        }
        self.cut_short("the connection broke within the body")
    }

    fn cut_short(&self, why: &str) -> PortError {
        let note = format!("{why}, after {} of {} bytes", self.received, self.bytes);
        self.call.failed_as(own::ANSWER_CUT_SHORT, note)
    }
}

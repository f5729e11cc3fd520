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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use backfleet_core::ports::{PortFault, Retry};
    use futures_util::TryStreamExt as _;
    use http_body::Frame;
    use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

    use super::*;
    use crate::classify::Scope;
    use crate::limits::TRANSFER_GRACE;

    fn body(inner: SdkByteStream, bytes: u64) -> Body {
        let (name, subject) = ("object_store.get", "s3://lake/x".to_owned());
        Body::new(
            Call { name, subject, scope: Scope::S3, writes: false, limit: TRANSFER_GRACE },
            inner,
            bytes,
        )
    }

    /// One byte for each tick, without end.
    struct Trickle(Interval);

    impl http_body::Body for Trickle {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            ready!(self.0.poll_tick(context));
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    fn trickle(every: Duration) -> SdkByteStream {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        SdkByteStream::from_body_1_x(Trickle(ticks))
    }

    #[tokio::test]
    async fn whoever_brings_more_or_less_than_was_announced_is_found_out() {
        assert_eq!(body(SdkByteStream::from_static(b"hello"), 5).collect().await.unwrap(), "hello");
        for announced in [4, 6] {
            let error = body(SdkByteStream::from_static(b"hello"), announced).collect().await.unwrap_err();
            assert_eq!((error.fault, error.retry), (PortFault::Unavailable, Retry::Backoff), "{announced}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_is_not_waited_for_without_end() {
        let given_up =
            timeout(TRANSFER_GRACE * 2, body(trickle(Duration::from_secs(1)), 1 << 30).collect()).await;
        let error = given_up.expect("it ends by itself").unwrap_err();
        assert_eq!((error.fault, error.retry), (PortFault::Unavailable, Retry::Backoff));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_its_time_is_not_the_fault_of_the_way() {
        let mut stream = body(trickle(Duration::from_millis(1)), 100).into_stream();
        for _ in 0..100 {
            assert_eq!(stream.try_next().await.unwrap().unwrap(), "x");
            sleep(Duration::from_secs(60)).await;
        }
    }
}

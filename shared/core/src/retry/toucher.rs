//! A table whose touches are tried again where they failed for a while; all but throttling, which is for whoever paces them.

use std::sync::Arc;

use async_trait::async_trait;

use super::Retrier;
use crate::ports::{PortError, PortFault, TouchAnswer, TouchRequest, Toucher};

/// Wraps a table so that passing errors are tried again. A touch that happened although it failed happens again, which
/// changes nothing.
#[derive(Debug)]
pub struct RetryingToucher<T: ?Sized> {
    retrier: Arc<Retrier>,
    inner: Arc<T>,
}

impl<T: Toucher + ?Sized> RetryingToucher<T> {
    /// Wraps `inner`.
    pub fn new(inner: Arc<T>, retrier: Arc<Retrier>) -> Self {
        Self { retrier, inner }
    }
}

#[async_trait]
impl<T: Toucher + ?Sized> Toucher for RetryingToucher<T> {
    async fn arn(&self) -> Result<String, PortError> {
        self.retrier.run(|| self.inner.arn()).await
    }

    async fn touch(&self, request: &TouchRequest<'_>) -> Result<TouchAnswer, PortError> {
        let again = |error: &PortError| error.fault != PortFault::Throttled;
        self.retrier.run_while(|| self.inner.touch(request), again).await
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

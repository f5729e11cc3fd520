//! A function whose calls are tried again where they failed for a while. A run that fails is no failed call: whoever hands
//! the payload over knows what to do with that.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::Retrier;
use crate::ports::{Function, PortError, Reply};

/// Wraps a function so that passing errors are tried again.
#[derive(Debug)]
pub struct RetryingFunction<F: ?Sized> {
    retrier: Arc<Retrier>,
    inner: Arc<F>,
}

impl<F: Function + ?Sized> RetryingFunction<F> {
    /// Wraps `inner`.
    pub fn new(inner: Arc<F>, retrier: Arc<Retrier>) -> Self {
        Self { retrier, inner }
    }
}

#[async_trait]
impl<F: Function + ?Sized> Function for RetryingFunction<F> {
    async fn invoke(&self, payload: Bytes) -> Result<Reply, PortError> {
        self.retrier.run(|| self.inner.invoke(payload.clone())).await
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

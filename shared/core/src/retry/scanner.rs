//! A table whose passing failures are tried again; all but throttling, which is for whoever paces the reads.

use std::sync::Arc;

use async_trait::async_trait;

use super::Retrier;
use crate::ports::{PageRequest, PortError, PortFault, ScanPage, TableFacts, TableScanner};

/// Wraps a table so that passing errors are tried again.
#[derive(Debug)]
pub struct RetryingScanner<T: ?Sized> {
    retrier: Arc<Retrier>,
    inner: Arc<T>,
}

impl<T: TableScanner + ?Sized> RetryingScanner<T> {
    /// Wraps `inner`.
    pub fn new(inner: Arc<T>, retrier: Arc<Retrier>) -> Self {
        Self { retrier, inner }
    }
}

#[async_trait]
impl<T: TableScanner + ?Sized> TableScanner for RetryingScanner<T> {
    async fn describe(&self) -> Result<TableFacts, PortError> {
        self.retrier.run(|| self.inner.describe()).await
    }

    async fn page(&self, request: &PageRequest<'_>) -> Result<ScanPage, PortError> {
        let again = |error: &PortError| error.fault != PortFault::Throttled;
        self.retrier.run_while(|| self.inner.page(request), again).await
    }
}

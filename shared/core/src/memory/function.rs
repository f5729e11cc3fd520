//! A function that is a closure, and remembers every payload it was handed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use crate::limits::ENVELOPE_BYTES_MAX;
use crate::ports::{Function, PortError, PortFault, Reply};

/// What a payload is answered with.
type Answer = dyn Fn(&[u8]) -> Reply + Send + Sync;

/// See the module.
pub struct MemoryFunction {
    answer: Box<Answer>,
    handed: Mutex<Vec<Bytes>>,
}

impl MemoryFunction {
    /// A function that answers so.
    pub fn new(answer: impl Fn(&[u8]) -> Reply + Send + Sync + 'static) -> Self {
        Self { answer: Box::new(answer), handed: Mutex::default() }
    }

    /// Every payload that it ran on, in the order in which it began.
    pub fn handed(&self) -> Vec<Bytes> {
        locked(&self.handed).clone()
    }
}

#[async_trait]
impl Function for MemoryFunction {
    async fn invoke(&self, payload: Bytes) -> Result<Reply, PortError> {
        if payload.len() as u64 > ENVELOPE_BYTES_MAX {
            return Err(PortError::fatal("function.invoke", "memory", PortFault::TooLarge));
        }
        locked(&self.handed).push(payload.clone());
        Ok((self.answer)(&payload))
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The contract of each port as a suite of cases, which every implementation passes: local, in memory, AWS.
//!
//! A case is a function named as the sentence it proves; it panics when the sentence is not true. Cases assert what
//! AWS documents and what the port promises, never what one emulator happens to do. `all` runs every case on an
//! implementation of its own and names those that failed.

pub mod function;
pub mod object_store;
pub mod queue;
pub mod table_scanner;
pub mod toucher;

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

/// What the cases of one suite came to.
#[derive(Debug, Default)]
struct Verdict {
    failed: Vec<String>,
}

impl Verdict {
    async fn hear(&mut self, case: &'static str, run: impl Future<Output = ()>) {
        if let Err(panic) = AssertUnwindSafe(run).catch_unwind().await {
            self.failed.push(format!("{case}: {}", message(&*panic)));
        }
    }

    /// Panics unless every case passed.
    fn speak(self) {
        assert!(self.failed.is_empty(), "the contract is broken:\n{}", self.failed.join("\n"));
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("panicked")
}

/// Runs each named case on what `$make` gives.
macro_rules! run_all {
    ($make:expr, [$($case:ident),* $(,)?]) => {{
        let mut verdict = $crate::conformance::Verdict::default();
        $(verdict.hear(stringify!($case), async { $case($make().await).await }).await;)*
        verdict.speak();
    }};
}
use run_all;

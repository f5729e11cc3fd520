//! Panics of other people's readers: caught, and silent. A guided run ends the process in its panic hook, before
//! anybody could catch anything; here the hook is passed over while such a reader is at work.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What `read` gives; `None` if it panics.
pub(crate) fn caught<T>(read: impl FnOnce() -> T) -> Option<T> {
    hushed(|| catch_unwind(AssertUnwindSafe(read)).ok())
}

/// What `read` gives, which itself catches panics of others. One that it does not catch goes on from here.
pub(crate) fn hushed<T>(read: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                loud(panic);
            }
        }));
    });
    QUIET.set(true);
    let given = catch_unwind(AssertUnwindSafe(read));
    QUIET.set(false);
    given.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().map(ToString::to_string);
        panic!("nobody caught: {}", said.or(panic.downcast_ref::<String>().cloned()).unwrap_or_default())
    })
}

//! What an error of the file system means to a caller.

use std::io::{self, ErrorKind};

use crate::ports::{Effect, PortError, PortFault, Retry};

/// Maps an error of `call`, for `map_err`. `subject` is a key or a path relative to the root.
pub(super) fn failed(
    call: &'static str,
    subject: impl ToString,
    effect: Effect,
) -> impl FnOnce(io::Error) -> PortError {
    move |error| {
        let (fault, retry) = meaning(&error);
        PortError { call, subject: subject.to_string(), fault, retry, effect, source: Some(Box::new(error)) }
    }
}

fn meaning(error: &io::Error) -> (PortFault, Retry) {
    if is_out_of_descriptors(error) {
        return (PortFault::Exhausted, Retry::Backoff);
    }
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => (PortFault::NotFound, Retry::Never),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => (PortFault::Denied, Retry::Never),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::OutOfMemory => {
            // Only a person makes room.
            (PortFault::Exhausted, Retry::Never)
        }
        ErrorKind::InvalidData => (PortFault::Corrupted, Retry::Never),
        ErrorKind::InvalidFilename
        | ErrorKind::InvalidInput
        | ErrorKind::IsADirectory
        | ErrorKind::FileTooLarge
        | ErrorKind::Unsupported => (PortFault::Invalid, Retry::Never),
        // EIO, a stale network handle, an interruption: the disk or the way to it.
        _ => (PortFault::Unavailable, Retry::Backoff),
    }
}

/// `EMFILE` and `ENFILE`, which std has no kind for. The numbers are the same on Linux and macOS.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_by_itself_is_tried_again_and_what_only_a_person_mends_is_not() {
        let told = |number| meaning(&io::Error::from_raw_os_error(number));
        let (enospc, emfile, eio, estale, edquot) = (28, 24, 5, 116, 122);
        assert_eq!(told(emfile), (PortFault::Exhausted, Retry::Backoff));
        for number in [enospc, edquot] {
            assert_eq!(told(number), (PortFault::Exhausted, Retry::Never), "{number}");
        }
        for number in [eio, estale] {
            assert_eq!(told(number), (PortFault::Unavailable, Retry::Backoff), "{number}");
        }
        let (eacces, erofs, enoent, enametoolong) = (13, 30, 2, 36);
        assert_eq!(told(eacces), (PortFault::Denied, Retry::Never));
        assert_eq!(told(erofs), (PortFault::Denied, Retry::Never));
        assert_eq!(told(enoent), (PortFault::NotFound, Retry::Never));
        assert_eq!(told(enametoolong), (PortFault::Invalid, Retry::Never));
    }
}

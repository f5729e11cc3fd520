//! The conversion as a whole, seen from outside: one binary, so that it links once.

// Always true here; it tells clippy that helpers are tests too, and may unwrap.
#![cfg(test)]

mod common;
mod oracle;
mod pages;

mod changes;
mod columns;
mod differential;
mod documents;
mod formats;
mod gzip_faults;
mod ion;
mod reasons;
mod sizes;
mod slicing;
mod zstd_files;

//! `backfleet-floor EXPORT_FILE... -- RECORD_FILE...`: what the libraries alone take for the bytes of a job.
//!
//! One thread inflates the export, looks at every byte once (newlines, UTF-8), and deflates the records that a job has written. What
//! lies between, the conversion itself, is left out: no program on these libraries can be faster. Prints one JSON document for
//! `floors.py`. Files of records are inflated outside the time that counts.

mod clock;
mod deflate;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use flate2::bufread::MultiGzDecoder;

use clock::Clock;
use deflate::{Deflated, Library};

/// Compressed bytes read at a time.
const READ_BYTES: usize = 256 << 10;
/// Inflated bytes looked at while they are in the cache. The clock's steps are longer, but all time between two looks at it counts
/// for the one or for the other.
const SCAN_BYTES: usize = 512 << 10;
/// Records inflated between two times that count: so many that the clock's steps of a few milliseconds do not matter.
const HELD_BYTES: usize = 64 << 20;

/// What reading an export takes.
#[derive(Default)]
struct Inflated {
    bytes: u64,
    lines: u64,
    inflate: Duration,
    scan: Duration,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let divider = arguments.iter().position(|argument| argument == Path::new("--"));
    let divider = divider.context("usage: backfleet-floor EXPORT_FILE... -- RECORD_FILE...")?;
    let (exports, records) = (&arguments[..divider], &arguments[divider + 1..]);
    let clock = Clock::new();

    let mut read = Inflated::default();
    for file in exports {
        inflate_and_scan(file, &clock, &mut read).with_context(|| file.display().to_string())?;
    }
    let (mut zlib, mut libdeflate) = (Deflated::default(), Deflated::default());
    for file in records {
        deflate_again(file, &clock, &mut zlib, &mut libdeflate)
            .with_context(|| file.display().to_string())?;
    }
    println!(
        r#"{{"bytes_in":{},"lines":{},"inflate_seconds":{},"scan_seconds":{},"zlib_rs":{},"libdeflate":{}}}"#,
        read.bytes,
        read.lines,
        read.inflate.as_secs_f64(),
        read.scan.as_secs_f64(),
        zlib.json(),
        libdeflate.json()
    );
    Ok(())
}

fn inflate_and_scan(file: &Path, clock: &Clock, read: &mut Inflated) -> anyhow::Result<()> {
    let mut held = vec![0; SCAN_BYTES];
    let mut inflater = MultiGzDecoder::new(BufReader::with_capacity(READ_BYTES, File::open(file)?));
    loop {
        let began = clock.now();
        let filled = fill(&mut inflater, &mut held)?;
        let inflated = clock.now();
        read.lines += memchr::memchr_iter(b'\n', &held[..filled]).count() as u64;
        // It may end inside a character; what matters is that every byte is looked at.
        std::hint::black_box(simdutf8::basic::from_utf8(&held[..filled]).is_ok());
        read.scan += clock.now() - inflated;
        read.inflate += inflated - began;
        read.bytes += filled as u64;
        if filled < held.len() {
            return Ok(());
        }
    }
}

fn deflate_again(
    file: &Path,
    clock: &Clock,
    zlib: &mut Deflated,
    libdeflate: &mut Deflated,
) -> anyhow::Result<()> {
    let mut held = vec![0; HELD_BYTES];
    let mut inflater = MultiGzDecoder::new(BufReader::with_capacity(READ_BYTES, File::open(file)?));
    loop {
        let filled = fill(&mut inflater, &mut held)?;
        zlib.add(Library::ZlibRs, &held[..filled], clock)?;
        libdeflate.add(Library::Libdeflate, &held[..filled], clock)?;
        if filled < held.len() {
            ensure!(zlib.bytes_in == libdeflate.bytes_in, "both deflate the same bytes");
            return Ok(());
        }
    }
}

/// As much as there is room for; less at the end alone.
fn fill(source: &mut impl Read, held: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < held.len() {
        match source.read(&mut held[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

//! Deflating with the libraries that a build can use, each at the level that suits this work.

use std::io::{self, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use libdeflater::{CompressionLvl, Compressor};

use crate::clock::Clock;

/// zlib-rs' best trade of time for size here.
const ZLIB_LEVEL: u32 = 2;
/// libdeflate's fastest, smaller than zlib-rs' level 2.
const LIBDEFLATE_LEVEL: i32 = 1;
/// Uncompressed bytes of an independent member: libdeflate sees whole buffers.
const MEMBER_BYTES: usize = 512 << 10;

/// Who deflates.
#[derive(Clone, Copy)]
pub enum Library {
    /// In a stream.
    ZlibRs,
    /// In independent members.
    Libdeflate,
}

/// What was deflated, and what that took.
#[derive(Default)]
pub struct Deflated {
    /// Uncompressed.
    pub bytes_in: u64,
    bytes_out: u64,
    took: Duration,
}

impl Deflated {
    /// Deflates these bytes as well.
    pub fn add(&mut self, library: Library, bytes: &[u8], clock: &Clock) -> anyhow::Result<()> {
        let began = clock.now();
        self.bytes_out += match library {
            Library::ZlibRs => zlib(bytes)?,
            Library::Libdeflate => libdeflate(bytes)?,
        };
        self.took += clock.now() - began;
        self.bytes_in += bytes.len() as u64;
        Ok(())
    }

    /// For the report.
    pub fn json(&self) -> String {
        let Self { bytes_in, bytes_out, took } = self;
        format!(r#"{{"bytes_in":{bytes_in},"bytes_out":{bytes_out},"seconds":{}}}"#, took.as_secs_f64())
    }
}

fn zlib(bytes: &[u8]) -> io::Result<u64> {
    let mut encoder = GzEncoder::new(Counter(0), Compression::new(ZLIB_LEVEL));
    for chunk in bytes.chunks(MEMBER_BYTES) {
        encoder.write_all(chunk)?;
    }
    Ok(encoder.finish()?.0)
}

fn libdeflate(bytes: &[u8]) -> anyhow::Result<u64> {
    let mut compressor = Compressor::new(CompressionLvl::new(LIBDEFLATE_LEVEL).expect("a level it has"));
    let mut member = vec![0; compressor.gzip_compress_bound(MEMBER_BYTES)];
    let mut written = 0;
    for chunk in bytes.chunks(MEMBER_BYTES) {
        written += compressor.gzip_compress(chunk, &mut member)? as u64;
    }
    Ok(written)
}

/// Takes bytes and keeps their number.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! Writes data files: lines from a profile, through gzip, through MD5, to disk.
//!
//! A file is written front to back and never held: a 10 GB file takes the memory of a small one. A thread
//! takes the next file when it is done with one; what is in a file does not depend on who wrote it.

use std::fs::File;
use std::io::{self, Write};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use backfleet_convert::Notation;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use md5::{Digest, Md5};

use super::identity::Identity;
use super::ion;
use super::profiles::{self, Lines};
use super::{SynthError, SynthSpec};

/// The fastest level: it takes half the time of level 2, and makes of telemetry the 15 % that real tables
/// shrink to.
const LEVEL: u32 = 1;

/// No flags, no time, nothing about the level, operating system "unknown": the header of real data files.
/// flate2's own encoder would note the level in it.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Lines are compressed, and progress is told, whenever this much has gathered.
const CHUNK_BYTES: usize = 1 << 20;

/// A chunk ends with a whole line; the longest lines are those of `unicode`, below 2 MB.
const SLACK_BYTES: usize = 1 << 19;

/// What the manifest has to say about one data file.
pub(super) struct DataFile {
    pub(super) items: u64,
    pub(super) md5: [u8; 16],
    pub(super) bytes_uncompressed: u64,
    pub(super) bytes_compressed: u64,
}

/// Writes a file for each of `counts` into the folder `data`, and describes them in that order.
pub(super) fn write_all(
    spec: &SynthSpec,
    identity: &Identity,
    counts: &[u64],
    data: &Path,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<DataFile>, SynthError> {
    let meter = Meter { bytes: AtomicU64::new(0), progress };
    let work = Work { spec, names: &identity.data_files, counts, data, next: AtomicUsize::new(0), meter };
    let threads = spec.threads.clamp(1, counts.len());
    let written: Result<Vec<Vec<Placed>>, SynthError> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work.share())).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|bug| resume_unwind(bug))).collect()
    });
    let mut written: Vec<Placed> = written?.into_iter().flatten().collect();
    written.sort_unstable_by_key(|placed| placed.place);
    Ok(written.into_iter().map(|placed| placed.file).collect())
}

/// The files to write, and how far the threads have come with them.
struct Work<'a> {
    spec: &'a SynthSpec,
    names: &'a [String],
    counts: &'a [u64],
    data: &'a Path,
    next: AtomicUsize,
    meter: Meter<'a>,
}

/// A file and its place among all.
struct Placed {
    place: usize,
    file: DataFile,
}

impl Work<'_> {
    /// One thread's share: the next file that nobody has begun, until there is none.
    fn share(&self) -> Result<Vec<Placed>, SynthError> {
        let mut share = Vec::new();
        loop {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(&items) = self.counts.get(place) else { return Ok(share) };
            let path = self.data.join(&self.names[place]);
            let lines = profiles::lines(self.spec.profile, self.spec.seed, place as u32);
            let lines: Box<dyn Lines> = match self.spec.notation {
                Notation::Json => lines,
                Notation::Ion => Box::new(IonLines { lines, json: Vec::new() }),
            };
            let file = write(&path, lines, items, &self.meter).map_err(|source| {
                // The other threads finish the file they are at and begin no other.
                self.next.store(self.counts.len(), Ordering::Relaxed);
                SynthError::Write { path, source }
            })?;
            share.push(Placed { place, file });
        }
    }
}

/// The same lines in Ion.
struct IonLines {
    lines: Box<dyn Lines>,
    json: Vec<u8>,
}

impl Lines for IonLines {
    fn append(&mut self, out: &mut Vec<u8>) {
        self.json.clear();
        self.lines.append(&mut self.json);
        ion::write_line(&self.json, out);
    }
}

fn write(path: &Path, mut lines: Box<dyn Lines>, items: u64, meter: &Meter<'_>) -> io::Result<DataFile> {
    let mut gzip = Gzip::new(File::create_new(path)?)?;
    let mut chunk = Vec::with_capacity(CHUNK_BYTES + SLACK_BYTES);
    let mut bytes_uncompressed = 0;
    for _ in 0..items {
        lines.append(&mut chunk);
        if chunk.len() >= CHUNK_BYTES {
            bytes_uncompressed += flush(&mut chunk, &mut gzip, meter)?;
        }
    }
    bytes_uncompressed += flush(&mut chunk, &mut gzip, meter)?;
    let Digesting { md5, bytes: bytes_compressed, .. } = gzip.finish()?;
    Ok(DataFile { items, md5: md5.finalize().into(), bytes_uncompressed, bytes_compressed })
}

fn flush(chunk: &mut Vec<u8>, gzip: &mut Gzip, meter: &Meter<'_>) -> io::Result<u64> {
    gzip.write_all(chunk)?;
    let bytes = chunk.len() as u64;
    meter.advance(bytes);
    chunk.clear();
    Ok(bytes)
}

/// One gzip member.
struct Gzip {
    deflate: DeflateEncoder<Digesting>,
    crc: Crc,
}

impl Gzip {
    fn new(file: File) -> io::Result<Self> {
        let mut file = Digesting { inner: file, md5: Md5::new(), bytes: 0 };
        file.write_all(&GZIP_HEADER)?;
        Ok(Gzip { deflate: DeflateEncoder::new(file, Compression::new(LEVEL)), crc: Crc::new() })
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc.update(bytes);
        self.deflate.write_all(bytes)
    }

    fn finish(self) -> io::Result<Digesting> {
        let mut file = self.deflate.finish()?;
        file.write_all(&self.crc.sum().to_le_bytes())?;
        // The length modulo 2^32, as the format has it.
        file.write_all(&self.crc.amount().to_le_bytes())?;
        Ok(file)
    }
}

/// Adds up what all threads wrote.
struct Meter<'a> {
    bytes: AtomicU64,
    progress: &'a (dyn Fn(u64) + Sync),
}

impl Meter<'_> {
    fn advance(&self, bytes: u64) {
        (self.progress)(self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes);
    }
}

/// Counts and digests what passes on its way to disk.
struct Digesting {
    inner: File,
    md5: Md5,
    bytes: u64,
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.md5.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

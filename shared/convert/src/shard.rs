//! Shards: where records gather, and the rules by which one ends and the next begins.

use crate::digest::ContentDigest;

/// One output object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Its number within the unit, from 0.
    pub index: u32,
    /// Its bytes as they are to be stored.
    pub bytes: Vec<u8>,
    /// Records inside.
    pub records: u64,
    /// Uncompressed bytes.
    pub content_bytes: u64,
    /// Digest of the uncompressed bytes.
    pub content_digest: ContentDigest,
}

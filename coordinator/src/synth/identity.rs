//! The names of one export: its id, ARNs, keys, data files, and what makes an item's key unique.

use backfleet_convert::Notation;
use md5::{Digest, Md5};

use super::SynthSpec;
use super::draw::Draw;

/// Files and items that [`unique`] can tell apart: 24 bits of file, 40 bits of item.
pub(super) const FILES_MAX: u64 = 1 << 24;
pub(super) const ITEMS_MAX: u64 = 1 << 40;

const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Real exports of tiny tables took 5 to 8 minutes.
const DURATION_MILLIS: std::ops::RangeInclusive<i64> = 300_000..=480_000;

pub(super) struct Identity {
    export_id: String,
    prefix: Option<String>,
    pub(super) export_arn: String,
    pub(super) table_arn: String,
    pub(super) table_id: String,
    pub(super) end_time_millis: i64,
    /// Names below `data/`, in the order of the files.
    pub(super) data_files: Vec<String>,
    /// The files in the order of the manifest's lines, which is any order.
    pub(super) manifest_order: Vec<usize>,
}

impl Identity {
    pub(super) fn of(spec: &SynthSpec) -> Self {
        let mut draw = Draw::of_identity(spec.seed);
        let export_id = export_id(spec);
        let table_arn = table_arn(spec);
        let files = (spec.files + spec.empty_files) as usize;
        let end_time_millis =
            spec.export_time_millis + draw.between(*DURATION_MILLIS.start(), *DURATION_MILLIS.end());
        let table_id = uuid(draw.word(), draw.word());
        let data_files = (0..files).map(|_| data_file_name(&mut draw, spec.notation)).collect();
        let mut manifest_order: Vec<usize> = (0..files).collect();
        draw.shuffle(&mut manifest_order);
        Identity {
            export_arn: format!("{table_arn}/export/{export_id}"),
            export_id,
            prefix: spec.prefix.clone(),
            table_arn,
            table_id,
            end_time_millis,
            data_files,
            manifest_order,
        }
    }

    /// The export's folder from the bucket's root, prefix included, as every key in the manifests has it.
    pub(super) fn folder(&self) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}/AWSDynamoDB/{}", self.export_id),
            None => format!("AWSDynamoDB/{}", self.export_id),
        }
    }
}

/// 14 digits of milliseconds and 8 hex digits, which here tell specs apart: two exports of one moment can lie
/// side by side, the same export twice cannot.
fn export_id(spec: &SynthSpec) -> String {
    let SynthSpec { profile, items, files, empty_files, seed, .. } = spec;
    let content = format!("{profile} {items} {files} {empty_files} {seed} {}", table_arn(spec));
    let digest = Md5::digest(content);
    let suffix = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    format!("{:014}-{suffix:08x}", spec.export_time_millis)
}

fn table_arn(spec: &SynthSpec) -> String {
    let SynthSpec { region, account, table, .. } = spec;
    let partition = match region.as_str() {
        china if china.starts_with("cn-") => "aws-cn",
        government if government.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    format!("arn:{partition}:dynamodb:{region}:{account}:table/{table}")
}

/// A version 4 UUID, as DynamoDB gives every table.
fn uuid(high: u64, low: u64) -> String {
    let (third, fourth) = (0x4000 | high & 0x0fff, 0x8000 | (low >> 48) & 0x3fff);
    let (first, second, last) = (high >> 32, (high >> 16) & 0xffff, low & 0xffff_ffff_ffff);
    format!("{first:08x}-{second:04x}-{third:04x}-{fourth:04x}-{last:012x}")
}

/// 128 bits in 26 characters of base32, the last of which carries three bits.
fn data_file_name(draw: &mut Draw, notation: Notation) -> String {
    let bits = (u128::from(draw.word()) << 64) | u128::from(draw.word());
    let digit = |at: u32| {
        let five = if at == 25 { bits << 2 } else { bits >> (123 - 5 * at) };
        char::from(BASE32[(five & 31) as usize])
    };
    let ending = match notation {
        Notation::Json => ".json.gz",
        Notation::Ion => ".ion.gz",
    };
    (0..26).map(digit).chain(ending.chars()).collect()
}

/// A number that no other (file, ordinal) of the same seed has, and that looks like a hash.
///
/// Every step of the mix (SplitMix64's finaliser) can be undone, so different inputs stay different.
pub(super) fn unique(seed: u64, file: u32, ordinal: u64) -> u64 {
    debug_assert!(u64::from(file) < FILES_MAX && ordinal < ITEMS_MAX);
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut bits = (u64::from(file) << 40 | ordinal) ^ seed.wrapping_add(1).wrapping_mul(GOLDEN);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

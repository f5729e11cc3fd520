//! How many items each data file holds.
//!
//! A table is cut by the hash of its partition key, so no two files of an export are equally full. The cut
//! here is as uneven as a healthy table's (up to 5:3), deterministic, and exact: the counts always sum to the
//! items.

use super::SynthSpec;
use super::draw::Draw;

/// Weights of the emptiest and the fullest partition.
const WEIGHTS: std::ops::RangeInclusive<i64> = 750..=1250;

/// Items of every data file, the empty files last.
pub(super) fn items_per_file(spec: &SynthSpec) -> Vec<u64> {
    let mut draw = Draw::of_spread(spec.seed);
    let weights: Vec<u64> =
        (0..spec.files).map(|_| draw.between(*WEIGHTS.start(), *WEIGHTS.end()).unsigned_abs()).collect();
    let total: u64 = weights.iter().sum();

    let mut counts = Vec::with_capacity((spec.files + spec.empty_files) as usize);
    let (mut weight_so_far, mut items_so_far) = (0u64, 0u64);
    for weight in weights {
        // Cutting at rounded-down running sums loses nothing: the last cut is the whole.
        weight_so_far += weight;
        let cut_at = u128::from(spec.items) * u128::from(weight_so_far) / u128::from(total);
        let cut_at = u64::try_from(cut_at).expect("a share is no larger than the whole");
        counts.push(cut_at - items_so_far);
        items_so_far = cut_at;
    }
    counts.resize(counts.len() + spec.empty_files as usize, 0);
    counts
}

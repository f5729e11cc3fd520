//! A crew changes who compresses, never what comes out.

use super::*;
use crate::press::Press;

/// Blocks that no two of which are alike, of all lengths up to some 100 KB.
fn block(number: usize) -> Block {
    let bytes = (0..number * 7919 % 100_003).map(|at| (at * number / 64 % 251) as u8).collect();
    Block { bytes, landmarks: Vec::new() }
}

fn shard(compression: Compression, crew: Option<&Arc<Crew>>) -> Vec<u8> {
    let mut press = Press::new(compression);
    let _at_work = crew.map(|crew| crew.enter());
    if let Some(crew) = crew {
        press.assist(crew.clone());
    }
    let mut shard = Vec::new();
    for number in 1..60 {
        let mut block = block(number);
        press.press(&mut block, &mut shard);
        assert!(block.is_empty());
    }
    press.finish(&mut shard);
    shard
}

#[test]
fn with_any_number_of_hands_a_shard_has_the_same_bytes() {
    for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
        let alone = shard(compression, None);
        for cores in [1, 2, 8] {
            let crew = Crew::new(cores);
            thread::scope(|scope| {
                let both = [
                    scope.spawn(|| shard(compression, Some(&crew))),
                    scope.spawn(|| shard(compression, Some(&crew))),
                ];
                for with_hands in both {
                    assert!(with_hands.join().unwrap() == alone, "{compression} on {cores} cores");
                }
            });
            for count in [&crew.converters, &crew.orders_out] {
                assert_eq!(count.load(Ordering::Relaxed), 0, "nobody is left at work");
            }
        }
    }
}

#[test]
fn orders_are_out_only_for_cores_that_no_converter_uses() {
    let crew = Crew::new(3);
    let first = crew.enter();
    let mut out: Vec<AtWork> = std::iter::from_fn(|| crew.spare()).collect();
    assert_eq!(out.len(), 2 * ORDERS_MAX, "two cores are free");
    out.pop();
    assert!(crew.spare().is_some());
    let second = crew.enter();
    assert!(crew.spare().is_none(), "what is out is enough for the one core that is left");
    out.truncate(ORDERS_MAX - 1);
    assert!(crew.spare().is_some());
    let third = crew.enter();
    out.clear();
    assert!(crew.spare().is_none(), "every core has a converter");
    drop((first, second, third));
}

#[test]
fn on_one_core_a_converter_is_alone() {
    let crew = Crew::new(1);
    assert!(crew.spare().is_none());
    let _converter = crew.enter();
    assert!(crew.spare().is_none());
}

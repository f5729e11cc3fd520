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
            assert_eq!(crew.at_work.load(Ordering::Relaxed), 0, "nobody is left at work");
        }
    }
}

#[test]
fn a_core_is_spare_only_while_fewer_are_at_work_than_there_are() {
    let crew = Crew::new(3);
    let first = crew.enter();
    let second = crew.spare().expect("one of three cores is used");
    let third = crew.spare().expect("two of three cores are used");
    assert!(crew.spare().is_none());
    drop(second);
    assert!(crew.spare().is_some());
    drop((first, third));
}

#[test]
fn on_one_core_a_converter_is_alone() {
    let crew = Crew::new(1);
    assert!(crew.spare().is_none());
    let _converter = crew.enter();
    assert!(crew.spare().is_none());
}

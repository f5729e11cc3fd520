use backfleet_core::plan::ExportPart;
use backfleet_worker::location::Location;

use super::*;
use crate::spec::Shown;

const ARN: &str = "arn:aws:dynamodb:eu-north-1:123456789012:table/t";

fn part(export: &str, content: PartContent, time: Option<&str>) -> OpenedPart {
    let place = Location::parse("exports").unwrap();
    OpenedPart {
        root: place.clone(),
        folder: place,
        part: ExportPart {
            export: export.into(),
            notation: "ION".into(),
            content,
            items: None,
            manifest: true,
        },
        shown: Shown { table_arn: Some(ARN.into()), time: time.map(str::to_owned), ..Shown::default() },
        table_id: Some("one".into()),
        files: Vec::new(),
    }
}

fn full(time: &str) -> OpenedPart {
    part("full", PartContent::Full, Some(time))
}

fn window(export: &str, from: &str, to: &str) -> OpenedPart {
    let (from, to) = (Some(from.to_owned()), Some(to.to_owned()));
    part(export, PartContent::Incremental { from, to, old_images: true }, None)
}

const TEN: &str = "2026-01-14T10:00:00.000Z";
const ELEVEN: &str = "2026-01-14T11:00:00.000Z";
const TWELVE: &str = "2026-01-14T12:00:00.000Z";

#[test]
fn windows_that_follow_on_each_other_are_a_chain() {
    let parts = [full(TEN), window("a", TEN, ELEVEN), window("b", ELEVEN, TWELVE)];
    assert_eq!(check_chain(&parts, false), Ok(()));
    assert_eq!(check_chain(&parts[1..], false), Ok(()));
    assert_eq!(check_chain(&parts[..1], false), Ok(()));
}

#[test]
fn a_window_may_reach_back_a_minute_into_a_full_export_and_no_more() {
    let reaching = |from| check_chain(&[full(TEN), window("a", from, ELEVEN)], false);
    assert_eq!(reaching("2026-01-14T09:59:00Z"), Ok(()));
    assert!(matches!(reaching("2026-01-14T09:58:59Z"), Err(ChainError::Overlap { .. })));
}

#[test]
fn a_gap_is_named_and_cannot_be_allowed() {
    let parts = [full(TEN), window("a", "2026-01-14T10:00:00.001Z", ELEVEN)];
    let gap = check_chain(&parts, true).unwrap_err();
    let said = gap.to_string();
    assert!(
        said.contains("2026-01-14T10:00:00Z to 2026-01-14T10:00:00.001Z") && said.contains('a'),
        "{said}"
    );
    assert!(gap.advice().unwrap().contains("--incremental --from 2026-01-14T10:00:00Z"));
    let later = [window("a", TEN, ELEVEN), window("b", TWELVE, "2026-01-14T13:00:00Z")];
    assert!(matches!(check_chain(&later, true), Err(ChainError::Gap { .. })));
}

#[test]
fn an_overlap_is_named_unless_it_is_allowed() {
    let parts = [window("a", TEN, TWELVE), window("b", ELEVEN, TWELVE)];
    let said = check_chain(&parts, false).unwrap_err().to_string();
    assert!(said.contains("2026-01-14T11:00:00Z to 2026-01-14T12:00:00Z"), "{said}");
    assert_eq!(check_chain(&parts, true), Ok(()));
}

#[test]
fn what_does_not_belong_together_is_no_chain() {
    let fault = |parts: &[OpenedPart]| check_chain(parts, true).unwrap_err();
    assert!(matches!(fault(&[window("a", TEN, ELEVEN), full(TEN)]), ChainError::FullInside { .. }));
    assert!(matches!(
        fault(&[full(TEN), window("a", TEN, ELEVEN), window("a", TEN, ELEVEN)]),
        ChainError::Twice { .. }
    ));
    let other = OpenedPart {
        shown: Shown { table_arn: Some(ARN.replace("table/t", "table/u")), ..Shown::default() },
        ..window("a", TEN, ELEVEN)
    };
    assert!(matches!(fault(&[full(TEN), other]), ChainError::OtherTable { .. }));
    let anew = OpenedPart { table_id: Some("two".into()), ..window("a", TEN, ELEVEN) };
    assert!(matches!(fault(&[full(TEN), anew]), ChainError::OtherTable { .. }));
    let untimed = part("a", PartContent::Incremental { from: None, to: None, old_images: true }, None);
    assert!(matches!(fault(&[full(TEN), untimed]), ChainError::NoWindow { .. }));
}

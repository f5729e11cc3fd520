//! What an export promises, checked with a parser and a checker that share nothing with the writer.

mod item;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use md5::{Digest, Md5};
use tempfile::TempDir;

use super::*;
use item::{Json, item_of, size_of};

/// A summary and a manifest line that AWS wrote, names changed.
const REAL_SUMMARY: &str = r#"{"version":"2020-06-30","exportArn":"arn:aws:dynamodb:eu-north-1:123456789123:table/test/export/01768385930622-efd1a093","startTime":"2026-01-14T10:18:50.622Z","endTime":"2026-01-14T10:24:58.984Z","tableArn":"arn:aws:dynamodb:eu-north-1:123456789123:table/test","tableId":"cf263806-6bf1-4e51-a242-7067dcdecc72","exportTime":"2026-01-14T10:18:50.622Z","s3Bucket":"test-1231x1x","s3Prefix":null,"s3SseAlgorithm":"AES256","s3SseKmsKeyId":null,"manifestFilesS3Key":"AWSDynamoDB/01768385930622-efd1a093/manifest-files.json","billedSizeBytes":0,"itemCount":3,"outputFormat":"DYNAMODB_JSON"}"#;
const REAL_LINE: &str = r#"{"itemCount":3,"md5Checksum":"rzAeIrtALbOlNdK5Hh8tgA==","etag":"d1663e415aedcbf3c4977cde7002d2bf-1","dataFileS3Key":"dynamodb-export/AWSDynamoDB/01715685260608-c488b4e1/data/uimbi7eofu2b5kzkxe63gsvb6i.json.gz"}"#;

/// `md5Checksum` of an empty data file in a real export of 2026.
const REAL_EMPTY_MD5: &str = "FjvgqIxwymKf1RbbqtrZag==";

const PROFILES: [(Profile, u64); 5] = [
    (Profile::Telemetry, 900),
    (Profile::Tiny, 3_000),
    (Profile::Wide, 60),
    (Profile::Blob, 12),
    (Profile::Unicode, 600),
];

/// An export and the folder it lies in, deleted at the end.
struct Export {
    dest: TempDir,
    report: SynthReport,
}

impl Export {
    fn of(spec: &SynthSpec) -> Self {
        let dest = TempDir::new().unwrap();
        let report = synth(spec, dest.path(), &|_| ()).unwrap();
        Export { dest, report }
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.report.export_dir.join(name)).unwrap()
    }

    fn summary(&self) -> Json {
        serde_json::from_slice(&self.read("manifest-summary.json")).unwrap()
    }

    fn manifest(&self) -> Vec<Json> {
        let lines = String::from_utf8(self.read("manifest-files.json")).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Bytes of all data files by name.
    fn data(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.report.export_dir.join("data")).unwrap().map(|entry| entry.unwrap());
        entries
            .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
            .collect()
    }

    fn items(&self) -> Vec<Vec<(String, Json)>> {
        self.data().values().flat_map(|file| lines_of(file)).map(|line| item_of(&line)).collect()
    }
}

fn lines_of(gzip: &[u8]) -> Vec<String> {
    let text = plain(gzip);
    assert!(text.is_empty() || text.ends_with('\n'));
    text.split_terminator('\n').map(str::to_owned).collect()
}

fn plain(gzip: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(gzip).read_to_string(&mut text).unwrap();
    text
}

fn spec(profile: Profile, items: u64) -> SynthSpec {
    SynthSpec { profile, items, files: 3, ..SynthSpec::default() }
}

#[test]
fn every_line_of_every_profile_is_a_legal_item() {
    for (profile, items) in PROFILES {
        let export = Export::of(&spec(profile, items));
        let all = export.items();
        assert_eq!(all.len() as u64, items, "{profile}");
        for item in &all {
            assert!(size_of(item) <= 409_600, "{profile}: an item of {} bytes", size_of(item));
        }
    }
}

#[test]
fn keys_are_in_every_item_and_no_two_items_share_one() {
    for (profile, items) in PROFILES {
        let export = Export::of(&SynthSpec { files: 5, ..spec(profile, items) });
        let mut seen = BTreeSet::new();
        for item in export.items() {
            let key = export.report.keys.iter().map(|key| {
                let (_, value) = item.iter().find(|(name, _)| name == key).expect("a key attribute");
                format!("{value:?}")
            });
            assert!(seen.insert(key.collect::<Vec<_>>()), "{profile}: a key came twice");
        }
        assert_eq!(seen.len() as u64, items);
    }
}

#[test]
fn numbers_of_keys_differ_for_all_files_and_ordinals() {
    let of =
        |seed| (0..50).flat_map(move |file| (0..200).map(move |item| identity::unique(seed, file, item)));
    for seed in [0, 1, u64::MAX] {
        assert_eq!(of(seed).collect::<BTreeSet<_>>().len(), 10_000);
    }
}

#[test]
fn the_manifest_counts_and_digests_every_file() {
    let export = Export::of(&SynthSpec { empty_files: 2, ..spec(Profile::Tiny, 1_000) });
    let data = export.data();
    let manifest = export.manifest();
    assert_eq!((data.len(), manifest.len(), export.report.files), (5, 5, 5));

    let mut items = 0;
    for line in &manifest {
        let key = line.field("dataFileS3Key").text();
        assert!(export.dest.path().join(key).exists(), "{key}");
        let file = &data[key.rsplit('/').next().unwrap()];
        let md5 = Md5::digest(file);
        let lines = lines_of(file).len() as u64;
        assert_eq!(line.field("itemCount").number(), lines);
        assert_eq!(line.field("md5Checksum").text(), STANDARD.encode(md5));
        assert_eq!(line.field("etag").text(), hex_of(&Md5::digest(md5)) + "-1");
        items += lines;
    }
    assert_eq!((items, export.summary().field("itemCount").number()), (1_000, 1_000));
    assert_eq!(export.report.items, 1_000);
    assert_eq!(export.report.bytes_compressed, data.values().map(|file| file.len() as u64).sum::<u64>());
    assert_eq!(
        export.report.bytes_uncompressed,
        data.values().map(|file| plain(file).len() as u64).sum::<u64>()
    );
}

/// The digest rules, on what AWS wrote: md5 and etag of one real file.
#[test]
fn an_etag_is_that_of_an_upload_in_one_part() {
    let line: Json = serde_json::from_str(REAL_LINE).unwrap();
    let md5 = STANDARD.decode(line.field("md5Checksum").text()).unwrap();
    assert_eq!(line.field("etag").text(), manifest::etag(&md5.try_into().unwrap()));
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn manifests_have_the_fields_of_a_real_export_in_their_order() {
    let export = Export::of(&spec(Profile::Tiny, 10));
    let real: Json = serde_json::from_str(REAL_SUMMARY).unwrap();
    assert_eq!(export.summary().names(), real.names());
    let real: Json = serde_json::from_str(REAL_LINE).unwrap();
    for line in export.manifest() {
        assert_eq!(line.names(), real.names());
    }
}

#[test]
fn a_summary_says_what_a_real_one_says_of_the_same_table() {
    let spec = SynthSpec {
        table: "test".to_owned(),
        account: "123456789123".to_owned(),
        bucket: "test-1231x1x".to_owned(),
        ..spec(Profile::Tiny, 3)
    };
    let (ours, real) = (Export::of(&spec).summary(), serde_json::from_str::<Json>(REAL_SUMMARY).unwrap());
    let drawn = ["exportArn", "endTime", "tableId", "manifestFilesS3Key"];
    for name in real.names().into_iter().filter(|name| !drawn.contains(name)) {
        assert_eq!(ours.field(name), real.field(name), "{name}");
    }
    for name in drawn {
        let shape = |json: &Json| json.field(name).text().len();
        assert_eq!(shape(&ours), shape(&real), "{name}");
    }
    assert!(ours.field("endTime").text() > ours.field("startTime").text());
}

#[test]
fn manifests_end_as_real_ones_do() {
    let export = Export::of(&spec(Profile::Tiny, 10));
    assert_eq!(export.read("_started"), b"");
    assert!(export.read("manifest-files.json").ends_with(b"}\n"));
    assert!(export.read("manifest-summary.json").ends_with(b"}"));
    for name in ["manifest-files", "manifest-summary"] {
        let digest = STANDARD.encode(Md5::digest(export.read(&format!("{name}.json"))));
        assert_eq!(export.read(&format!("{name}.md5")), digest.as_bytes());
    }
}

#[test]
fn the_summary_is_written_last() {
    let spec = spec(Profile::Tiny, 0);
    let files = manifest::files_in_order_of_writing(
        &spec,
        &Identity::of(&SynthSpec { files: 0, ..spec.clone() }),
        &[],
    );
    assert_eq!(files.last().unwrap().0, "manifest-summary.json");
}

#[test]
fn a_prefix_is_part_of_every_key() {
    let export =
        Export::of(&SynthSpec { prefix: Some("exports/2026 a+b".to_owned()), ..spec(Profile::Tiny, 9) });
    let id = export.report.export_dir.file_name().unwrap().to_str().unwrap();
    let folder = format!("exports/2026 a+b/AWSDynamoDB/{id}");
    assert_eq!(export.report.export_dir, export.dest.path().join(&folder));
    let summary = export.summary();
    assert_eq!(summary.field("s3Prefix").text(), "exports/2026 a+b");
    assert_eq!(summary.field("manifestFilesS3Key").text(), format!("{folder}/manifest-files.json"));
    for line in export.manifest() {
        assert!(line.field("dataFileS3Key").text().starts_with(&format!("{folder}/data/")));
    }
}

#[test]
fn names_look_like_those_of_real_exports() {
    let export = Export::of(&spec(Profile::Tiny, 10));
    let id = export.report.export_dir.file_name().unwrap().to_str().unwrap();
    let (millis, suffix) = id.split_once('-').unwrap();
    assert_eq!((millis, suffix.len()), ("01768385930622", 8));
    assert!(suffix.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
    for name in export.data().keys() {
        let stem = name.strip_suffix(".json.gz").unwrap();
        assert_eq!(stem.len(), 26);
        assert!(stem.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')));
        // 26 characters of five bits carry 128 bits and two zeros.
        assert!(stem.ends_with(['a', 'e', 'i', 'm', 'q', 'u', 'y', '4']));
    }
}

#[test]
fn data_files_have_the_gzip_header_of_real_ones() {
    let export = Export::of(&SynthSpec { empty_files: 1, ..spec(Profile::Telemetry, 30) });
    for file in export.data().values() {
        assert_eq!(file[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
        let mut one_member = GzDecoder::new(&file[..]);
        io::copy(&mut one_member, &mut io::sink()).unwrap();
        assert!(one_member.into_inner().is_empty(), "something follows the first member");
    }
}

#[test]
fn an_empty_file_is_byte_for_byte_a_real_one() {
    let export = Export::of(&SynthSpec { items: 0, files: 1, empty_files: 3, ..SynthSpec::default() });
    assert_eq!(export.manifest().len(), 4);
    for line in export.manifest() {
        assert_eq!(line.field("itemCount").number(), 0);
        assert_eq!(line.field("md5Checksum").text(), REAL_EMPTY_MD5);
    }
    assert!(export.data().values().all(|file| file.len() == 20));
}

#[test]
fn threads_do_not_change_a_byte() {
    for (profile, items) in PROFILES {
        let spec = SynthSpec { files: 7, empty_files: 1, ..spec(profile, items / 2) };
        let alone = Export::of(&spec);
        let together = Export::of(&SynthSpec { threads: 2, ..spec });
        assert_eq!(alone.data(), together.data(), "{profile}");
        for name in ["manifest-files.json", "manifest-summary.json"] {
            assert_eq!(alone.read(name), together.read(name), "{profile}");
        }
    }
}

#[test]
fn a_file_depends_on_the_seed_and_its_place_only() {
    let first_file = |spec: &SynthSpec| {
        let export = Export::of(spec);
        let name = Identity::of(spec).data_files.swap_remove(0);
        plain(&export.data()[&name])
    };
    let few = first_file(&SynthSpec { items: 40, files: 3, ..SynthSpec::default() });
    let many = first_file(&SynthSpec { items: 400, files: 2, empty_files: 5, ..SynthSpec::default() });
    assert!(many.starts_with(&few));
    assert_ne!(few, first_file(&SynthSpec { items: 40, files: 3, seed: 1, ..SynthSpec::default() }));
}

/// If this fails, exports of a seed that somebody relies on have changed: mean it, and say so in the change
/// log.
#[test]
fn the_lines_of_a_seed_stay_what_they_are() {
    let digests = PROFILES.map(|(profile, items)| {
        let mut lines = profiles::lines(profile, 42, 3);
        let mut text = Vec::new();
        (0..items.min(100)).for_each(|_| lines.append(&mut text));
        (profile.name(), hex_of(&Md5::digest(text)))
    });
    let digests = digests.each_ref().map(|(name, digest)| (*name, digest.as_str()));
    assert_eq!(
        digests,
        [
            ("telemetry", "f44b5e402e20e7f37d3508401d7d7a86"),
            ("tiny", "d791a6dd0d07dacba47f46d53f0ffa19"),
            ("wide", "762407b3b5fc4b14ad021c4f2df79ed6"),
            ("blob", "7effdd7d01bcdbdeb617f2ac8512b950"),
            ("unicode", "a14dfdc911bfec15009e7e5ba037b15d")
        ]
    );
}

#[test]
fn lines_are_as_long_as_their_profile_promises() {
    for (profile, items, low, high) in [
        (Profile::Telemetry, 3_000, 1_080, 1_160),
        (Profile::Tiny, 3_000, 90, 115),
        (Profile::Wide, 100, 6_000, 8_000),
        (Profile::Blob, 30, 133_000, 546_000),
    ] {
        let report = Export::of(&spec(profile, items)).report;
        let bytes = report.bytes_uncompressed / items;
        assert!((low..=high).contains(&bytes), "{profile}: {bytes} bytes a line");
    }
}

#[test]
fn telemetry_compresses_to_about_15_percent() {
    let SynthReport { bytes_compressed, bytes_uncompressed, .. } =
        Export::of(&spec(Profile::Telemetry, 9_200)).report;
    let percent = bytes_compressed * 100 / bytes_uncompressed;
    assert!((12..=17).contains(&percent), "{percent} %");
}

#[test]
fn a_wide_item_has_200_attributes() {
    assert!(Export::of(&spec(Profile::Wide, 20)).items().iter().all(|item| item.len() == 200));
}

#[test]
fn a_blob_is_at_least_100_kb_of_an_item() {
    let items = Export::of(&spec(Profile::Blob, 20)).items();
    assert!(items.iter().all(|item| (100_000..=409_600).contains(&size_of(item))));
}

#[test]
fn items_of_one_profile_differ_in_the_order_of_their_attributes() {
    for (profile, items) in PROFILES {
        let items = Export::of(&spec(profile, items)).items();
        let orders: BTreeSet<Vec<&String>> =
            items.iter().map(|item| item.iter().map(|(name, _)| name).collect()).collect();
        assert!(orders.len() >= 3, "{profile} has {} orders", orders.len());
    }
}

#[test]
fn the_readings_of_a_device_come_in_the_order_of_their_time() {
    let export = Export::of(&SynthSpec { files: 1, ..spec(Profile::Telemetry, 900) });
    let text = |item: &[(String, Json)], key: &str| {
        let (_, value) = item.iter().find(|(name, _)| name == key).unwrap();
        value.field("S").text().to_owned()
    };
    let keys: Vec<_> = export.items().iter().map(|item| (text(item, "pk"), text(item, "sk"))).collect();
    let devices: BTreeSet<_> = keys.iter().map(|(device, _)| device).collect();
    let changes = keys.windows(2).filter(|pair| pair[0].0 != pair[1].0).count();
    assert_eq!(changes + 1, devices.len(), "a device came back");
    assert!(keys.windows(2).all(|pair| pair[0].0 != pair[1].0 || pair[0].1 < pair[1].1));
}

#[test]
fn counts_are_uneven_and_sum_to_the_items() {
    for (items, files) in [(0, 1), (1, 4), (7, 3), (1_000_003, 97), (1 << 40, 5)] {
        let counts =
            spread::items_per_file(&SynthSpec { items, files, empty_files: 2, ..SynthSpec::default() });
        assert_eq!(counts.len() as u32, files + 2);
        assert_eq!(counts.iter().sum::<u64>(), items);
        assert_eq!(counts[files as usize..], [0, 0]);
    }
    let counts = spread::items_per_file(&SynthSpec { items: 100_000, files: 10, ..SynthSpec::default() });
    assert_eq!(BTreeSet::from_iter(&counts).len(), 10);
    assert!(counts.iter().all(|count| (5_500..=18_500).contains(count)), "{counts:?}");
}

#[test]
fn manifest_lines_are_not_in_the_order_of_the_files() {
    let spec = SynthSpec { files: 12, ..SynthSpec::default() };
    let Identity { mut manifest_order, .. } = Identity::of(&spec);
    assert!(!manifest_order.is_sorted());
    manifest_order.sort_unstable();
    assert_eq!(manifest_order, (0..12).collect::<Vec<_>>());
}

#[test]
fn an_export_is_never_written_over() {
    let spec = spec(Profile::Tiny, 10);
    let export = Export::of(&spec);
    let before = export.read("manifest-files.json");
    let again = synth(&spec, export.dest.path(), &|_| ());
    assert!(matches!(again, Err(SynthError::Exists(folder)) if folder == export.report.export_dir));
    assert_eq!(export.read("manifest-files.json"), before);

    let other = synth(&SynthSpec { seed: 1, ..spec }, export.dest.path(), &|_| ()).unwrap();
    assert_ne!(other.export_dir, export.report.export_dir);
}

#[test]
fn a_destination_that_fails_is_named() {
    let dest = TempDir::new().unwrap();
    fs::write(dest.path().join("AWSDynamoDB"), "a file").unwrap();
    let failed = synth(&SynthSpec::default(), dest.path(), &|_| ());
    assert!(matches!(failed, Err(SynthError::Write { path, .. }) if path == dest.path().join("AWSDynamoDB")));
}

#[test]
fn specs_that_make_no_export_are_refused() {
    let dest = TempDir::new().unwrap();
    let refused = |spec: SynthSpec| synth(&spec, dest.path(), &|_| ()).unwrap_err();
    let tiny = || spec(Profile::Tiny, 1);
    assert!(matches!(refused(SynthSpec { files: 0, ..tiny() }), SynthError::NoFiles));
    let only_empty = SynthSpec { files: 0, empty_files: 1, ..tiny() };
    assert!(matches!(refused(only_empty), SynthError::OnlyEmptyFiles { items: 1 }));
    let too_large = SynthSpec { files: u32::MAX, empty_files: u32::MAX, ..tiny() };
    assert!(matches!(refused(too_large), SynthError::TooLarge { .. }));
    for prefix in ["", "/abs", "a/../../b", "a//b", "a/", ".", "a\\..\\b", "nul\0"] {
        let spec = SynthSpec { prefix: Some(prefix.to_owned()), ..tiny() };
        assert!(matches!(refused(spec), SynthError::Prefix(refused) if refused == prefix));
    }
    for millis in [-1, EXPORT_TIME_MILLIS_MAX + 1] {
        let spec = SynthSpec { export_time_millis: millis, ..tiny() };
        assert!(matches!(refused(spec), SynthError::ExportTime(_)));
    }
    assert_eq!(fs::read_dir(dest.path()).unwrap().count(), 0);
}

#[test]
fn progress_arrives_at_all_bytes() {
    let told = Mutex::new(Vec::new());
    let dest = TempDir::new().unwrap();
    let spec = SynthSpec { threads: 2, ..spec(Profile::Telemetry, 6_000) };
    let report = synth(&spec, dest.path(), &|bytes| told.lock().unwrap().push(bytes)).unwrap();
    let told = told.into_inner().unwrap();
    assert_eq!(told.iter().max(), Some(&report.bytes_uncompressed));
    assert!(told.len() as u64 > report.bytes_uncompressed / 2_000_000);
}

#[test]
fn profiles_are_named_alike_everywhere() {
    for (profile, _) in PROFILES {
        assert_eq!(profile.to_string().parse(), Ok(profile));
        assert_eq!(profile.to_possible_value().unwrap().get_name(), profile.to_string());
    }
    assert!("Telemetry".parse::<Profile>().is_err());
}

#[test]
fn numbers_are_written_as_dynamodb_returns_them() {
    for (units, places, expected) in [
        (0, 0, "0"),
        (0, 3, "0"),
        (-1, 0, "-1"),
        (2_137, 2, "21.37"),
        (2_100, 2, "21"),
        (2_110, 2, "21.1"),
        (-5, 1, "-0.5"),
        (7, 6, "0.000007"),
        (100, 0, "100"),
        (i64::MAX, 0, "9223372036854775807"),
        (i64::MIN, 18, "-9.223372036854775808"),
    ] {
        let mut out = Vec::new();
        text::decimal(&mut out, units, places);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn timestamps_agree_with_the_calendar() {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    let steps = (0..4_000).map(|step| step * 25_246_800_123);
    for millis in steps.chain([0, EXPORT_TIME_MILLIS_DEFAULT, 951_782_400_000, 4_107_542_399_999]) {
        let mut ours = Vec::new();
        text::timestamp(&mut ours, millis);
        let theirs = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).unwrap();
        assert_eq!(String::from_utf8(ours).unwrap(), theirs.format(format).unwrap());
    }
}

/// What must be found somewhere in the text of a `unicode` export.
#[rustfmt::skip]
const HAZARDS_IN_TEXT: [(&str, &str); 33] = [
    ("a name with dots", r#""a.b":{"#),
    ("a name with a quote", r#""quo\"te":{"#),
    ("a name with a quote, escaped long", r#""quo\u0022te":{"#),
    ("a name with a newline", r#""new\nline":{"#),
    ("a name with NUL", r#""nul\u0000":{"#),
    ("a name that starts with $", r#""$set":{"#),
    ("a name of backslash and escape", r#""\\u0041":{"#),
    ("a name of one space", r#"" ":{"#),
    ("a raw name that is not ASCII", r#""名前":{"#),
    ("the same escaped", r#""\u540D\u524D":{"#),
    ("a raw U+2028 in a name", "\"\u{2028}\":{"),
    ("the same escaped", r#""\u2028":{"#),
    ("attribute S", r#""S":{"M":{"S":{"M":{"S":{"S":"S"}"#),
    ("attribute N", r#""N":{"M":{"N":"#),
    ("attribute M", r#""M":{"M":{"M":{"M":{"M":{"S":"M"}"#),
    ("attribute Item", r#""Item":{"M":{"Item":{"M":{"Item":{"S":"Item"}"#),
    ("attribute Keys", r#""Keys":{"M":{"Keys":"#),
    ("a raw astral character", "😀"),
    ("a surrogate pair", r"\uD83D\uDE00"),
    ("the last character of all, raw", "\u{10ffff}"),
    ("the last character of all, escaped", r"\uDBFF\uDFFF"),
    ("a raw noncharacter", "\u{ffff}"),
    ("a raw U+2028", "a\u{85}b\u{2028}c\u{2029}d"),
    ("a raw DEL", "\u{7f}"),
    ("short escapes", r"\b\t\n\u000b\f\r"),
    ("an escaped slash", r"<\/script>"),
    ("a backslash before the closing quote", r#""C:\\""#),
    ("a text that looks like the next line", r#"{\"Item\":{\"pk\":{\"S\":\"fake\"}}}\n{\"Item\":{}}"#),
    ("an empty string", r#"{"S":""}"#),
    ("an empty binary", r#"{"B":""}"#),
    ("an empty list", r#"{"L":[]}"#),
    ("an empty map", r#"{"M":{}}"#),
    ("false", r#"{"BOOL":false}"#),
];

#[test]
fn unicode_has_every_hazard_of_text() {
    let export = Export::of(&spec(Profile::Unicode, 300));
    let text: String = export.data().values().map(|file| plain(file)).collect();
    for (hazard, spelled) in HAZARDS_IN_TEXT {
        assert!(text.contains(spelled), "no {hazard}: {spelled}");
    }
    assert!(text.lines().any(|line| line.len() > 1_000_000), "no line above a megabyte");
}

#[test]
fn unicode_has_every_hazard_of_meaning() {
    let items = Export::of(&spec(Profile::Unicode, 300)).items();
    let has_names = |names: &[&str]| {
        items.iter().any(|item| names.iter().all(|wanted| item.iter().any(|(name, _)| name == wanted)))
    };
    assert!(has_names(&["Name", "name", "NAME"]), "names that differ in case in one item");
    assert!(has_names(&["caf\u{e9}", "cafe\u{301}"]), "names that differ in composition in one item");
    assert!(has_names(&["n".repeat(65_535).as_str()]), "the longest name");

    let mut seen = item::Seen::default();
    items.iter().for_each(|item| seen.add(item));
    let types = ["B", "BOOL", "BS", "L", "M", "N", "NS", "NULL", "S", "SS"];
    assert_eq!(seen.types, BTreeSet::from(types.map(str::to_owned)));
    assert_eq!(seen.depth, 32);
    for length in 126..=131 {
        assert!(seen.number_lengths.contains(&length), "no number of {length} characters");
    }
    for digits in [1, 38] {
        assert!(seen.significant_digits.contains(&digits), "no number of {digits} digits");
        assert!(seen.negative_digits.contains(&digits), "no negative number of {digits} digits");
    }
}

//! What readers take from an object's name: partition columns, the compression, and whether to read it at all.

use super::packing::Packing;

/// What a key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Naming {
    /// Its folders, as they stand.
    pub(super) folder: String,
    /// What the endings say, e.g. `json.gz`; empty when there is none that is known.
    pub(super) extension: String,
    /// Whether Spark, Hive and Athena pass it over.
    pub(super) hidden: bool,
}

/// A folder as readers that find partitions see it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Folder {
    /// `name=value`: a column, and what type its values have.
    Column { name: String, value: ColumnType },
    /// Any other: a name and nothing more.
    Other,
}

/// The type that readers take a partition's value for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ColumnType {
    Date,
    Integer,
    Text,
}

/// Endings that say what is in a file.
const ENDINGS: [&str; 14] = [
    "json", "jsonl", "ndjson", "txt", "log", "gz", "gzip", "zst", "zstd", "bz2", "lz4", "snappy", "avro",
    "parquet",
];

impl Naming {
    pub(super) fn of(key: &str) -> Self {
        let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
        let mut endings: Vec<&str> = Vec::new();
        let mut rest = name;
        while let Some((before, ending)) = rest.rsplit_once('.')
            && ENDINGS.contains(&ending)
        {
            endings.insert(0, ending);
            rest = before;
        }
        let hidden = key.split('/').any(|segment| segment.starts_with(['_', '.']));
        Self { folder: folder.to_owned(), extension: endings.join("."), hidden }
    }

    /// What a reader that goes by the name unpacks it as; `None` for a packing that is not ours.
    pub(super) fn packing(&self) -> Option<Packing> {
        match self.extension.rsplit('.').next().unwrap_or_default() {
            "gz" | "gzip" => Some(Packing::Gzip),
            "zst" | "zstd" => Some(Packing::Zstd),
            "bz2" | "lz4" | "snappy" => None,
            _ => Some(Packing::Plain),
        }
    }
}

/// The folders of `path`, as readers see them.
pub(super) fn folders(path: &str) -> Vec<Folder> {
    let folder = |segment: &str| match segment.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            Folder::Column { name: name.to_owned(), value: ColumnType::of(value) }
        }
        _ => Folder::Other,
    };
    path.split('/').filter(|segment| !segment.is_empty()).map(folder).collect()
}

/// The `name=value` folders that `place` ends with: whoever gives a partition as the sample means its columns too.
pub(super) fn columns_at_the_end(place: &str) -> String {
    let segments: Vec<&str> = place.trim_end_matches('/').split('/').collect();
    let is_column = |segment: &&&str| matches!(folders(segment).as_slice(), [Folder::Column { .. }]);
    let columns = segments.iter().rev().take_while(is_column).count();
    segments[segments.len() - columns..].join("/")
}

impl Folder {
    /// The column's name.
    pub(super) fn column(&self) -> Option<&str> {
        match self {
            Self::Column { name, .. } => Some(name),
            Self::Other => None,
        }
    }
}

impl ColumnType {
    fn of(value: &str) -> Self {
        if is_date(value) {
            Self::Date
        } else if is_number(value) {
            Self::Integer
        } else {
            Self::Text
        }
    }
}

/// `2026-01-14`.
pub(super) fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([4, 2, 2]) && parts.iter().all(|part| is_number(part))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_its_folder_its_endings_and_whether_readers_pass_it_over() {
        let naming = Naming::of("dt=2026-01-14/part.0001.json.gz");
        assert_eq!((naming.folder.as_str(), naming.extension.as_str()), ("dt=2026-01-14", "json.gz"));
        assert_eq!(naming.packing(), Some(Packing::Gzip));
        assert!(!naming.hidden);
        assert_eq!(Naming::of("stream-1-2026-01-14.uuid").extension, "");
        assert!(Naming::of("a/_tmp/b.json").hidden);
        assert!(Naming::of(".b.json").hidden);
        assert_eq!(Naming::of("a.json.bz2").packing(), None);
    }

    #[test]
    fn a_folder_is_a_column_with_a_type_or_a_name() {
        let column = |name: &str, value| Folder::Column { name: name.into(), value };
        assert_eq!(
            folders("year=2026/month=01/dt=2026-01-14/date=backfill-2026-01-14/x"),
            [
                column("year", ColumnType::Integer),
                column("month", ColumnType::Integer),
                column("dt", ColumnType::Date),
                column("date", ColumnType::Text),
                Folder::Other
            ]
        );
        assert!(folders("").is_empty());
    }

    #[test]
    fn a_sample_that_is_a_partition_brings_its_columns() {
        assert_eq!(columns_at_the_end("s3://lake/orders/year=2026/month=01/"), "year=2026/month=01");
        assert_eq!(columns_at_the_end("dt=2026-01-14"), "dt=2026-01-14");
        assert_eq!(columns_at_the_end("s3://lake/dt=1/orders"), "");
        assert_eq!(columns_at_the_end("s3://lake"), "");
    }
}

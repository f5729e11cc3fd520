//! `manifest-summary.json`: what was exported, when, and where its list of files is.

use backfleet_convert::Notation;
use backfleet_core::key::ObjectKey;
use backfleet_core::limits::SMALL_OBJECT_BYTES_MAX;
use backfleet_core::plan::PartContent;
use backfleet_core::ports::ObjectStore;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde::Deserialize;

use super::ExportError;
use super::find::{SUMMARY, split};

/// The fields of an export's summary that decide anything. Only `manifestFilesS3Key` and `outputFormat` are
/// required; copies and other writers leave fields out, and real full exports never carry `exportType`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// ARN of the export.
    pub export_arn: Option<String>,
    /// ARN of the table.
    pub table_arn: Option<String>,
    /// The moment whose state was exported, RFC 3339.
    pub export_time: Option<String>,
    /// When the export began, RFC 3339.
    pub start_time: Option<String>,
    /// Key of `manifest-files.json`, from the root of the bucket it was written to.
    #[serde(rename = "manifestFilesS3Key")]
    pub manifest_files_s3_key: String,
    /// Items in all files.
    pub item_count: Option<u64>,
    /// `DYNAMODB_JSON` or `ION`.
    pub output_format: String,
    /// `FULL_EXPORT` when absent.
    pub export_type: Option<String>,
    /// Begin of an incremental export's window, RFC 3339.
    pub export_from_time: Option<String>,
    /// End of an incremental export's window, RFC 3339; the moment itself is outside.
    pub export_to_time: Option<String>,
    /// View of an incremental export: `NEW_AND_OLD_IMAGES`, or `NEW_IMAGE`, which the API reference also spells `NEW_IMAGES`.
    pub output_view: Option<String>,
    /// Id of the table; another one under the same name has another id.
    pub table_id: Option<String>,
}

impl Summary {
    /// Reads the summary of the export at the root of `store`, and proves it where its checksum is there.
    pub async fn read(store: &dyn ObjectStore) -> Result<Self, ExportError> {
        let json = store.get_small(&manifest_key(SUMMARY)?, SMALL_OBJECT_BYTES_MAX).await?;
        let json = json.ok_or_else(|| missing(store, SUMMARY))?;
        check_md5(store, SUMMARY, Md5::digest(&json).as_slice()).await?;
        let summary: Self = serde_json::from_slice(&json).map_err(|source| ExportError::ManifestForm {
            file: SUMMARY.into(),
            line: source.line(),
            source,
        })?;
        summary.check()?;
        Ok(summary)
    }

    /// The export's folder as the summary's own keys name it.
    pub fn folder(&self) -> &str {
        split(&self.manifest_files_s3_key).0
    }

    /// The export's id: from its ARN, else from its folder.
    pub fn id(&self) -> Option<&str> {
        let from_arn =
            self.export_arn.as_deref().and_then(|arn| arn.rsplit_once("/export/")).map(|(_, id)| id);
        from_arn.or_else(|| Some(split(self.folder()).1).filter(|id| !id.is_empty()))
    }

    /// Whether it tells of the changes in a window.
    pub fn is_incremental(&self) -> bool {
        self.export_type.as_deref() == Some("INCREMENTAL_EXPORT")
    }

    /// What its lines say.
    pub fn content(&self) -> Result<PartContent, ExportError> {
        let unsupported = |what| Err(ExportError::Unsupported { what });
        match (self.export_type.as_deref(), self.output_view.as_deref()) {
            (None | Some("FULL_EXPORT"), _) => Ok(PartContent::Full),
            (Some("INCREMENTAL_EXPORT"), Some(view)) => match old_images(view) {
                Some(old_images) => Ok(PartContent::Incremental {
                    from: self.export_from_time.clone(),
                    to: self.export_to_time.clone(),
                    old_images,
                }),
                None => unsupported(format!("an incremental one of the view {view}")),
            },
            (Some("INCREMENTAL_EXPORT"), None) => {
                unsupported("an incremental one without its outputView".to_owned())
            }
            (Some(kind), _) => unsupported(format!("of the type {kind}")),
        }
    }

    fn check(&self) -> Result<(), ExportError> {
        self.content()?;
        match self.output_format.parse::<Notation>() {
            Ok(_) => Ok(()),
            Err(_) => Err(ExportError::Unsupported { what: format!("in the format {}", self.output_format) }),
        }
    }
}

/// Whether lines of this view come with old images.
pub(super) fn old_images(view: &str) -> Option<bool> {
    match view {
        "NEW_AND_OLD_IMAGES" => Some(true),
        "NEW_IMAGE" | "NEW_IMAGES" => Some(false),
        _ => None,
    }
}

/// A file beside the summary, which is the one that names it.
pub(super) fn manifest_key(name: &str) -> Result<ObjectKey, ExportError> {
    ObjectKey::new(name).map_err(|source| ExportError::ManifestName { name: name.to_owned(), source })
}

pub(super) fn missing(store: &dyn ObjectStore, file: &str) -> ExportError {
    ExportError::ManifestMissing { file: file.into(), place: store.describe() }
}

/// Holds a manifest against its checksum file: `.md5` as every real export has it, `.checksum` as the
/// documentation says; copies often have neither.
pub(super) async fn check_md5(store: &dyn ObjectStore, file: &str, md5: &[u8]) -> Result<(), ExportError> {
    let stem = file.strip_suffix(".json").unwrap_or(file);
    for ending in ["md5", "checksum"] {
        let checksum_file = format!("{stem}.{ending}");
        let Some(promised) = store.get_small(&manifest_key(&checksum_file)?, SMALL_OBJECT_BYTES_MAX).await?
        else {
            continue;
        };
        let found = STANDARD.encode(md5);
        let promised = String::from_utf8_lossy(&promised).trim().to_owned();
        if promised != found {
            return Err(ExportError::ManifestMd5 { file: file.into(), found, checksum_file, promised });
        }
    }
    Ok(())
}

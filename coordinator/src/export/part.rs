//! Opens one export: its manifests, its files, and where both lie; or a folder of files that has no manifest.

use std::sync::Arc;

use backfleet_convert::{Encoding, InputError, Notation, Peeked, peek};
use backfleet_core::limits::PEEK_BYTES;
use backfleet_core::plan::{ExportPart, PartContent};
use backfleet_core::ports::{GetRequest, ObjectStore};
use backfleet_worker::location::{Connections, Location};
use futures_util::StreamExt as _;

use super::{DataFile, ExportError, Summary, bare, find_export, read_data_files};
use crate::plan::PlanningError;
use crate::spec::{Shown, SourceRequest};

/// An export that was found, with its files.
pub struct OpenedPart {
    /// What the keys of its files are below.
    pub root: Location,
    /// Its own folder.
    pub folder: Location,
    /// What the plan says of it.
    pub part: ExportPart,
    /// What it says of itself.
    pub shown: Shown,
    /// Id of the table, where the summary names it.
    pub table_id: Option<String>,
    /// Its files, in the order of their keys.
    pub files: Vec<DataFile>,
}

impl OpenedPart {
    /// Finds and reads the export at `location`.
    pub async fn open(
        location: &Location,
        request: &SourceRequest,
        connections: &Connections,
    ) -> Result<OpenedPart, PlanningError> {
        let store = location.open_to_read(connections).await?;
        if request.no_manifest {
            return Ok(bare::open(location.resolved()?, store, request).await?);
        }
        let found = find_export(&*store).await?;
        let folder = location.resolved()?.below(&found.folder);
        let manifests = folder.open_to_read(connections).await?;
        let summary = Summary::read(&*manifests).await?;
        let (root, data, files) = match summary.is_incremental() {
            false => {
                let files = read_data_files(&*manifests, &*manifests, &summary).await?;
                (folder.clone(), manifests, files)
            }
            true => around(&folder, manifests, &summary, connections).await?,
        };
        let part = ExportPart {
            export: summary.id().unwrap_or_default().to_owned(),
            notation: summary.output_format.clone(),
            content: summary.content()?,
            items: summary.item_count,
            manifest: true,
        };
        let mut shown = Shown::from(&summary);
        if part.content != PartContent::Full {
            let notation = part.notation.parse().expect("the summary was checked");
            shown.keys = peek_first(&*data, &files, notation).await?.map_or(Vec::new(), |peeked| peeked.keys);
        }
        Ok(OpenedPart { root, folder, part, shown, table_id: summary.table_id, files })
    }
}

/// The files of an incremental export lie beside its folder, among those of all others; a copy may have put them inside.
async fn around(
    folder: &Location,
    manifests: Arc<dyn ObjectStore>,
    summary: &Summary,
    connections: &Connections,
) -> Result<(Location, Arc<dyn ObjectStore>, Vec<DataFile>), PlanningError> {
    let Some(parent) = folder.parent() else {
        let files = read_data_files(&*manifests, &*manifests, summary).await?;
        return Ok((folder.clone(), manifests, files));
    };
    let data = parent.open_to_read(connections).await?;
    match read_data_files(&*manifests, &*data, summary).await {
        Ok(files) => Ok((parent, data, files)),
        Err(ExportError::FilesMissing { missing, listed, place, first }) if missing == listed => {
            match read_data_files(&*manifests, &*manifests, summary).await {
                Ok(files) => Ok((folder.clone(), manifests, files)),
                Err(_) => Err(ExportError::FilesMissing { missing, listed, place, first }.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// What the first record of these files says; `None` if there is none, or it is a broken one.
pub(super) async fn peek_first(
    store: &dyn ObjectStore,
    files: &[DataFile],
    notation: Notation,
) -> Result<Option<Peeked>, ExportError> {
    let mut filled = files.iter().filter(|file| file.bytes > 0 && file.items != Some(0));
    let Some(file) = filled.next() else { return Ok(None) };
    let range = Some(0..file.bytes.min(PEEK_BYTES));
    let mut bytes = store.get(&file.key, GetRequest { range, if_match: None }).await?;
    let mut head = Vec::new();
    while let Some(chunk) = bytes.next().await {
        head.extend_from_slice(&chunk?);
    }
    let looked: Result<_, InputError> = peek(Encoding::of_name(file.key.as_str()), notation, &head);
    Ok(looked.ok().flatten())
}

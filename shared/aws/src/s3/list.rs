//! One page of a listing.

use std::time::SystemTime;

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::Object;
use backfleet_core::key::ObjectKey;
use backfleet_core::limits::LIST_PAGE_MAX;
use backfleet_core::ports::{Listing, ListingEntry, PortError, PortFault};

use super::{S3Store, etag, length};
use crate::call::Call;
use crate::limits::LIST_CALL_MAX;

impl S3Store {
    /// The next page with something of ours on it. Names that are no [`ObjectKey`], like the folder marks that
    /// consoles leave behind, are passed over.
    pub(super) async fn list_page(
        &self,
        prefix: &str,
        after: Option<&ObjectKey>,
    ) -> Result<Listing, PortError> {
        let call = self.reading("object_store.list", prefix, LIST_CALL_MAX);
        let mut after = after.map(|key| self.full_key(key));
        // Ends: every round begins behind the last name of the one before.
        loop {
            let page = self.fetch(&call, prefix, after.as_deref()).await?;
            let objects = page.contents();
            let last = last_in_order(&call, objects, after.as_deref())?.map(str::to_owned);
            let more = page.is_truncated() == Some(true) && last.is_some();
            let entries = self.entries(&call, objects)?;
            if !entries.is_empty() || !more {
                return Ok(Listing { entries, more });
            }
            after = last;
        }
    }

    async fn fetch(
        &self,
        call: &Call,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<ListObjectsV2Output, PortError> {
        let answer = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket.name)
            .set_expected_bucket_owner(self.bucket.owner.clone())
            .prefix(format!("{}{prefix}", self.root))
            .set_start_after(after.map(str::to_owned))
            .max_keys(LIST_PAGE_MAX as i32)
            .send();
        call.ask(answer).await
    }

    fn entries(&self, call: &Call, objects: &[Object]) -> Result<Vec<ListingEntry>, PortError> {
        let ours = objects.iter().filter_map(|object| Some((self.key_of(object)?, object)));
        ours.map(|(key, object)| {
            let (bytes, etag) = (length(call, object.size)?, etag(call, object.e_tag.clone())?);
            Ok(ListingEntry { key, bytes, etag, modified: modified(object) })
        })
        .collect()
    }

    fn key_of(&self, object: &Object) -> Option<ObjectKey> {
        ObjectKey::new(object.key()?.strip_prefix(&self.root)?).ok()
    }
}

/// S3 always says it; an endpoint that does not shows its objects as old.
fn modified(object: &Object) -> SystemTime {
    object.last_modified().and_then(|time| SystemTime::try_from(*time).ok()).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The last name of a page. Whoever lists without order (directory buckets do) cannot be paged through by name,
/// and would lose entries silently.
fn last_in_order<'a>(
    call: &Call,
    objects: &'a [Object],
    after: Option<&'a str>,
) -> Result<Option<&'a str>, PortError> {
    let mut last = after;
    for key in objects.iter().filter_map(Object::key) {
        if last.is_some_and(|last| key <= last) {
            return Err(call.refused(PortFault::Invalid, "the bucket does not list its objects in order"));
        }
        last = Some(key);
    }
    Ok(if objects.is_empty() { None } else { last })
}

//! A table's exports behind the exporter's port.

#[cfg(test)]
mod tests;

use std::time::SystemTime;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::DateTime;
use aws_sdk_dynamodb::types::{
    ExportDescription, ExportFormat as SdkFormat, ExportStatus, ExportType, ExportViewType,
    IncrementalExportSpecification, PointInTimeRecoverySpecification, PointInTimeRecoveryStatus,
    S3SseAlgorithm,
};
use backfleet_core::ports::{
    ExportFormat, ExportProgress, ExportRefusal, ExportRequest, ExportSpan, ExportStart, ExportState,
    Exporter, PortError, Recovery,
};

use crate::call::{Call, code_of};
use crate::classify::{Scope, own};
use crate::limits::SMALL_CALL_MAX;

/// The exports of one table.
#[derive(Debug, Clone)]
pub struct DynamoExporter {
    client: Client,
    table_arn: String,
}

impl DynamoExporter {
    pub(crate) fn new(client: Client, table_arn: &str) -> Self {
        Self { client, table_arn: table_arn.to_owned() }
    }

    fn call(&self, name: &'static str, subject: &str, writes: bool) -> Call {
        Call { name, subject: subject.to_owned(), scope: Scope::DynamoDb, writes, limit: SMALL_CALL_MAX }
    }
}

#[async_trait]
impl Exporter for DynamoExporter {
    async fn recovery(&self) -> Result<Recovery, PortError> {
        let call = self.call("export.recovery", &self.table_arn, false);
        let answer = self.client.describe_continuous_backups().table_name(&self.table_arn).send();
        let answer = call.ask(answer).await?.continuous_backups_description;
        let told = answer.and_then(|backups| backups.point_in_time_recovery_description);
        Ok(match told {
            Some(told) if told.point_in_time_recovery_status == Some(PointInTimeRecoveryStatus::Enabled) => {
                let time = |time: Option<DateTime>| time.and_then(|time| SystemTime::try_from(time).ok());
                Recovery::On {
                    earliest: time(told.earliest_restorable_date_time),
                    latest: time(told.latest_restorable_date_time),
                }
            }
            _ => Recovery::Off,
        })
    }

    async fn enable_recovery(&self) -> Result<(), PortError> {
        let call = self.call("export.enable_recovery", &self.table_arn, true);
        let on = PointInTimeRecoverySpecification::builder()
            .point_in_time_recovery_enabled(true)
            .build()
            .expect("its one field is set");
        let answer = self.client.update_continuous_backups().table_name(&self.table_arn);
        call.ask(answer.point_in_time_recovery_specification(on).send()).await?;
        Ok(())
    }

    async fn start(&self, request: &ExportRequest) -> Result<ExportStart, PortError> {
        let call = self.call("export.start", &self.table_arn, true);
        match call.ask(self.request(request).send()).await {
            Ok(answer) => {
                let arn = answer.export_description.and_then(|export| export.export_arn);
                let nameless = || call.failed_as(own::ANSWER_CORRUPTED, "the answer names no export");
                arn.map(ExportStart::Started).ok_or_else(nameless)
            }
            Err(error) => match code_of(&error).and_then(refusal) {
                Some(refusal) => Ok(ExportStart::Refused(refusal, words(&error))),
                None => Err(error),
            },
        }
    }

    async fn describe(&self, export_arn: &str) -> Result<ExportState, PortError> {
        let call = self.call("export.describe", export_arn, false);
        let answer = call.ask(self.client.describe_export().export_arn(export_arn).send()).await?;
        let export = answer.export_description;
        let export =
            export.ok_or_else(|| call.failed_as(own::ANSWER_CORRUPTED, "the answer has no export"))?;
        let progress = progress(&export)
            .ok_or_else(|| call.failed_as(own::ANSWER_CORRUPTED, "the export does not say how it is"))?;
        Ok(ExportState { token: export.client_token, progress })
    }

    async fn list(&self) -> Result<Vec<String>, PortError> {
        let call = self.call("export.list", &self.table_arn, false);
        let (mut arns, mut next) = (Vec::new(), None);
        loop {
            let answer = self.client.list_exports().table_arn(&self.table_arn).set_next_token(next);
            let answer = call.ask(answer.send()).await?;
            arns.extend(answer.export_summaries.into_iter().flatten().filter_map(|export| export.export_arn));
            next = answer.next_token;
            if next.is_none() {
                return Ok(arns);
            }
        }
    }
}

impl DynamoExporter {
    fn request(
        &self,
        request: &ExportRequest,
    ) -> aws_sdk_dynamodb::operation::export_table_to_point_in_time::builders::ExportTableToPointInTimeFluentBuilder
    {
        let ExportRequest { token, bucket, prefix, bucket_owner, kms_key, format, span } = request;
        let call = self
            .client
            .export_table_to_point_in_time()
            .table_arn(&self.table_arn)
            .client_token(token)
            .s3_bucket(bucket)
            // An empty prefix is refused as such.
            .set_s3_prefix(Some(prefix.clone()).filter(|prefix| !prefix.is_empty()))
            .set_s3_bucket_owner(bucket_owner.clone())
            .s3_sse_algorithm(if kms_key.is_some() { S3SseAlgorithm::Kms } else { S3SseAlgorithm::Aes256 })
            .set_s3_sse_kms_key_id(kms_key.clone())
            .export_format(match format {
                ExportFormat::Json => SdkFormat::DynamodbJson,
                ExportFormat::Ion => SdkFormat::Ion,
            });
        match *span {
            ExportSpan::Full { at } => {
                call.export_type(ExportType::FullExport).set_export_time(at.map(DateTime::from))
            }
            ExportSpan::Incremental { from, to, old_images } => {
                let view =
                    if old_images { ExportViewType::NewAndOldImages } else { ExportViewType::NewImage };
                let span = IncrementalExportSpecification::builder()
                    .export_from_time(from.into())
                    .set_export_to_time(to.map(DateTime::from))
                    .export_view_type(view)
                    .build();
                call.export_type(ExportType::IncrementalExport).incremental_export_specification(span)
            }
        }
    }
}

fn progress(export: &ExportDescription) -> Option<ExportProgress> {
    let count = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok());
    match export.export_status()? {
        ExportStatus::Completed => Some(ExportProgress::Done {
            manifest_key: export.export_manifest()?.to_owned(),
            items: count(export.item_count()),
            billed_bytes: count(export.billed_size_bytes()),
        }),
        ExportStatus::Failed => Some(ExportProgress::Failed {
            code: export.failure_code().unwrap_or("no code").to_owned(),
            message: export.failure_message().unwrap_or("DynamoDB gives no reason").to_owned(),
        }),
        _ => Some(ExportProgress::Running),
    }
}

fn refusal(code: &str) -> Option<ExportRefusal> {
    Some(match code {
        "PointInTimeRecoveryUnavailableException" => ExportRefusal::RecoveryOff,
        "InvalidExportTimeException" => ExportRefusal::Time,
        "LimitExceededException" => ExportRefusal::Limit,
        "ExportConflictException" => ExportRefusal::TokenUsed,
        _ => return None,
    })
}

fn words(error: &PortError) -> String {
    error.source.as_ref().map_or_else(|| error.to_string(), ToString::to_string)
}

//! S3, SQS, DynamoDB and Lambda behind the ports of `backfleet-core`.
//!
//! The only place in the project that names the AWS SDK: no SDK type stands in a public signature, an error, a
//! metric or a log field. Calls are made once each, under a time limit; trying again is the business of
//! `backfleet_core::retry`, and the table in `classify` tells it whether that makes sense.
//!
//! In flow order:

mod limits;
mod classify;
mod call;
mod connect;
mod s3;
mod sqs;
mod sqs_admin;
mod table;
mod exporter;
mod function;
mod ecs;
#[cfg(test)]
mod replay;

pub use connect::{Aws, AwsConfig, ConnectError};
pub use ecs::{EcsService, Tasks};
pub use exporter::DynamoExporter;
pub use function::LambdaFunction;
pub use s3::S3Store;
pub use sqs::SqsQueue;
pub use sqs_admin::{DeadLetterBox, MoveProgress, MoveStart, MoveState, QueueFacts, QueuePair, RedriveFacts};
pub use table::DynamoTable;

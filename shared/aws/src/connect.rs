//! From settings to clients: region, credentials, endpoint, and the choice that the SDK never retries.
//!
//! Credentials come from the SDK's own chain: environment, profile (also SSO and `credential_process`), web
//! identity, container, instance metadata. An endpoint comes from the caller or from `AWS_ENDPOINT_URL`, never
//! from a profile or from anything that was read.

use std::env;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use backfleet_core::ports::PortError;

use crate::ecs::EcsService;
use crate::exporter::DynamoExporter;
use crate::function::{Functions, LambdaFunction};
use crate::limits::CONNECT_WAIT_MAX;
use crate::s3::{Bucket, S3Store};
use crate::sqs::SqsQueue;
use crate::sqs_admin::{self, DeadLetterBox, QueueFacts, QueuePair};
use crate::table::{DynamoTable, capturing};

/// Signed with when an endpoint is given without a region: emulators do not care, and SigV4 wants one.
const REGION_OF_EMULATORS: &str = "us-east-1";

/// Where and as whom to work.
#[derive(Debug, Clone, Default)]
pub struct AwsConfig {
    /// Region; the environment's or the profile's when absent.
    pub region: Option<String>,
    /// Profile of the shared configuration; `AWS_PROFILE` or `default` when absent.
    pub profile: Option<String>,
    /// Replaces the services' own endpoints; `AWS_ENDPOINT_URL` when absent.
    pub endpoint_url: Option<String>,
    /// Buckets in the path, not in the host name; when absent, just where an endpoint is given.
    pub path_style: Option<bool>,
    /// The endpoint is an emulator: sign with made-up keys and look for no real ones, in region `us-east-1`.
    pub emulated: bool,
    /// The program that asks, as it stands in the user agent: letters, digits and hyphens.
    pub program: String,
    /// The account that must own every bucket; S3 refuses each call that meets another's.
    pub expected_bucket_owner: Option<String>,
}

/// Settings with which nothing can be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither settings, environment nor profile name a region.
    #[error("no AWS region given, nor any in AWS_REGION or the profile")]
    NoRegion,
    /// The endpoint is no URL to speak HTTP to.
    #[error("endpoint {0:?} does not begin with http:// or https://")]
    Endpoint(String),
    /// Made-up keys would be sent to AWS.
    #[error("an emulator needs an endpoint")]
    EmulatorWithoutEndpoint,
}

/// The clients, once per process: they share one pool of connections and one cache of credentials.
#[derive(Debug, Clone)]
pub struct Aws {
    s3: aws_sdk_s3::Client,
    sqs: aws_sdk_sqs::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    ecs: aws_sdk_ecs::Client,
    functions: Functions,
    expected_bucket_owner: Option<String>,
}

impl Aws {
    /// Reads environment and profile. Makes no call to S3 or SQS, and asks for credentials only with the first.
    pub async fn connect(config: AwsConfig) -> Result<Self, ConnectError> {
        let endpoint = endpoint_of(&config)?;
        if config.emulated && endpoint.is_none() {
            return Err(ConnectError::EmulatorWithoutEndpoint);
        }
        let shared = shared_config(&config).await;
        let region =
            shared.region().cloned().or_else(|| endpoint.as_ref().map(|_| Region::new(REGION_OF_EMULATORS)));
        let place = Place {
            path_style: config.path_style.unwrap_or(endpoint.is_some()),
            region: region.ok_or(ConnectError::NoRegion)?,
            endpoint,
        };
        Ok(Self {
            s3: aws_sdk_s3::Client::from_conf(s3_config(&shared, &place).build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs_config(&shared, &place).build()),
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb_config(&shared, &place).build()),
            ecs: aws_sdk_ecs::Client::from_conf(ecs_config(&shared, &place).build()),
            functions: Functions::new(&shared, &place),
            expected_bucket_owner: config.expected_bucket_owner,
        })
    }

    /// The objects of `bucket` under `prefix`, which counts as a folder: `a/b` and `a/b/` are the same, and the
    /// empty one is the whole bucket.
    pub fn s3_store(&self, bucket: impl Into<String>, prefix: &str) -> S3Store {
        let bucket = Bucket { name: bucket.into(), owner: self.expected_bucket_owner.clone() };
        S3Store::new(self.s3.clone(), bucket, prefix)
    }

    /// The table of that name or ARN, or one of its indexes.
    pub fn table(&self, table: &str, index: Option<&str>) -> DynamoTable {
        DynamoTable::new(self.dynamodb.clone(), table, index)
    }

    /// The exports of the table of that ARN.
    pub fn exporter(&self, table_arn: &str) -> DynamoExporter {
        DynamoExporter::new(self.dynamodb.clone(), table_arn)
    }

    /// The function of that name, name with version or alias, or ARN.
    pub fn function(&self, name: &str) -> LambdaFunction {
        self.functions.named(name)
    }

    /// A service of ECS.
    pub fn ecs_service(&self, cluster: &str, service: &str) -> EcsService {
        EcsService::new(self.ecs.clone(), cluster, service)
    }

    /// The queue at `queue_url`. Its dead-letter queue is `dlq_url`, or the one its redrive policy names; asking
    /// for that is one call.
    pub async fn sqs_queue(&self, queue_url: &str, dlq_url: Option<String>) -> Result<SqsQueue, PortError> {
        let dlq_url = match dlq_url {
            Some(url) => Some(url),
            None => sqs_admin::dlq_url_of(&self.sqs, queue_url).await?,
        };
        Ok(SqsQueue::new(self.sqs.clone(), queue_url, dlq_url))
    }

    /// The dead letters of the queue at `queue_url`; `dlq_url` as in [`Aws::sqs_queue`]. `NotFound` when the queue
    /// has no dead-letter queue.
    pub async fn dead_letter_box(
        &self,
        queue_url: &str,
        dlq_url: Option<String>,
    ) -> Result<DeadLetterBox, PortError> {
        DeadLetterBox::open(self.sqs.clone(), queue_url, dlq_url).await
    }

    /// How the queue at `queue_url` is set up.
    pub async fn queue_facts(&self, queue_url: &str) -> Result<QueueFacts, PortError> {
        sqs_admin::queue_facts(&self.sqs, queue_url).await
    }

    /// How the dead-letter queue of the queue at `queue_url` is set up; `None` when it has none.
    pub async fn dead_letter_facts(&self, queue_url: &str) -> Result<Option<QueueFacts>, PortError> {
        match sqs_admin::dlq_url_of(&self.sqs, queue_url).await? {
            None => Ok(None),
            Some(url) => self.queue_facts(&url).await.map(Some),
        }
    }

    /// Makes the queue `name` and its dead-letter queue `name-dlq` as the fleet wants them, or brings those that
    /// exist to it. The same call again changes nothing.
    pub async fn create_queue_pair(&self, name: &str) -> Result<QueuePair, PortError> {
        sqs_admin::create_queue_pair(&self.sqs, name).await
    }

    #[cfg(test)]
    pub(crate) fn of_clients(
        s3: aws_sdk_s3::Client,
        sqs: aws_sdk_sqs::Client,
        dynamodb: aws_sdk_dynamodb::Client,
        ecs: aws_sdk_ecs::Client,
        functions: Functions,
    ) -> Self {
        Self { s3, sqs, dynamodb, ecs, functions, expected_bucket_owner: Some("123456789012".to_owned()) }
    }
}

/// Where the services are.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) region: Region,
    pub(crate) endpoint: Option<String>,
    pub(crate) path_style: bool,
}

async fn shared_config(config: &AwsConfig) -> SdkConfig {
    let program = if config.program.is_empty() { "backfleet-library" } else { &config.program };
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if config.emulated {
        let credentials = Credentials::new("test", "test", None, None, "emulator");
        loader = loader
            .region(Region::new(REGION_OF_EMULATORS))
            .credentials_provider(SharedCredentialsProvider::new(credentials));
    }
    if let Some(region) = &config.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &config.profile {
        loader = loader.profile_name(profile);
    }
    loader.app_name(AppName::new(program.to_owned()).expect("a name of ours")).load().await
}

fn endpoint_of(config: &AwsConfig) -> Result<Option<String>, ConnectError> {
    let named = config.endpoint_url.clone().or_else(|| env::var("AWS_ENDPOINT_URL").ok());
    match named.filter(|url| !url.is_empty()) {
        Some(url) if !url.starts_with("http://") && !url.starts_with("https://") => {
            Err(ConnectError::Endpoint(url))
        }
        named => Ok(named),
    }
}

/// Retries off: `backfleet_core::retry` is the one place of retrying, and two layers would multiply.
///
/// The connect timeout is the only one left to the SDK. The others depend on the size of a call (see `call`), and
/// the SDK keeps a separate pool of connections for each set of timeouts it is given.
pub(crate) fn s3_config(shared: &SdkConfig, place: &Place) -> aws_sdk_s3::config::Builder {
    let mut config = aws_sdk_s3::config::Builder::from(shared);
    config.set_endpoint_url(place.endpoint.clone());
    config
        .region(place.region.clone())
        .force_path_style(place.path_style)
        // Every put brings its own SHA-256, and every get asks for what the object was stored with.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts())
}

pub(crate) fn sqs_config(shared: &SdkConfig, place: &Place) -> aws_sdk_sqs::config::Builder {
    let mut config = aws_sdk_sqs::config::Builder::from(shared);
    config.set_endpoint_url(place.endpoint.clone());
    config.region(place.region.clone()).retry_config(RetryConfig::disabled()).timeout_config(timeouts())
}

pub(crate) fn dynamodb_config(shared: &SdkConfig, place: &Place) -> aws_sdk_dynamodb::config::Builder {
    let mut config = aws_sdk_dynamodb::config::Builder::from(shared);
    config.set_endpoint_url(place.endpoint.clone());
    config
        .region(place.region.clone())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts())
        .http_client(capturing(shared.http_client().unwrap_or_else(https_client)))
}

pub(crate) fn ecs_config(shared: &SdkConfig, place: &Place) -> aws_sdk_ecs::config::Builder {
    let mut config = aws_sdk_ecs::config::Builder::from(shared);
    config.set_endpoint_url(place.endpoint.clone());
    config.region(place.region.clone()).retry_config(RetryConfig::disabled()).timeout_config(timeouts())
}

/// The client that the SDK would take by itself.
pub(crate) fn https_client() -> SharedHttpClient {
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
    aws_smithy_http_client::Builder::new().tls_provider(provider).build_https()
}

pub(crate) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_WAIT_MAX).build()
}

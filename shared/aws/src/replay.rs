//! For tests: clients that answer from a list and remember what they were asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_s3::config::RuntimeComponents;
use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::error::ConnectorError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_types::body::SdkBody;

use crate::connect::{Aws, Place, dynamodb_config, ecs_config, s3_config, sqs_config};
use crate::function::Functions;

/// Must never be read in an error.
pub(crate) const SECRET: &str = "verysecret";

pub(crate) type Answer = http::Response<SdkBody>;

/// AWS as a list of answers, in the order of the calls.
///
/// The SDK has such a client behind a feature of its HTTP crate; it brings twenty crates along and has every
/// SDK crate compiled a second time.
#[derive(Debug)]
pub(crate) struct Replay {
    script: Script,
    pub(crate) aws: Aws,
}

/// What is still to be answered, and what was asked.
#[derive(Debug, Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Next>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// What the next call meets.
#[derive(Debug)]
pub(crate) enum Next {
    Answer(Box<Answer>),
    Failure(ConnectorError),
    Silence,
}

impl From<Answer> for Next {
    fn from(answer: Answer) -> Self {
        Self::Answer(Box::new(answer))
    }
}

impl From<ConnectorError> for Next {
    fn from(error: ConnectorError) -> Self {
        Self::Failure(error)
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.asked.lock().unwrap().push(Asked::from(&request));
        match self.answers.lock().unwrap().pop_front().expect("a call that no answer was written for") {
            Next::Answer(answer) => HttpConnectorFuture::ready(Ok((*answer).try_into().unwrap())),
            Next::Failure(error) => HttpConnectorFuture::ready(Err(error)),
            Next::Silence => HttpConnectorFuture::new(std::future::pending()),
        }
    }
}

impl HttpClient for Script {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// A request as it would have left: everything but its signature.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) body: String,
    headers: Vec<(String, String)>,
}

impl Replay {
    pub(crate) fn of(nexts: impl IntoIterator<Item: Into<Next>>) -> Self {
        let credentials = Credentials::new("AKIATESTTESTTESTTEST", SECRET, None, None, "test");
        let replay = Self::with_credentials(credentials);
        replay.script.answers.lock().unwrap().extend(nexts.into_iter().map(Into::into));
        replay
    }

    /// Where no call ever leaves, or none is answered.
    pub(crate) fn with_credentials(credentials: impl ProvideCredentials + 'static) -> Self {
        let script = Script::default();
        let aws = aws_behind(&script, credentials);
        Self { script, aws }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().unwrap().clone()
    }

    pub(crate) fn only_asked(&self) -> Asked {
        let mut asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.remove(0)
    }
}

impl From<&HttpRequest> for Asked {
    fn from(request: &HttpRequest) -> Self {
        Self {
            line: format!("{} {}", request.method(), request.uri()),
            body: String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned(),
            headers: request
                .headers()
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

fn aws_behind(script: &Script, credentials: impl ProvideCredentials + 'static) -> Aws {
    let shared = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(script.clone())
        .build();
    let region = Region::new("eu-central-1");
    let place = Place { region, endpoint: Some("https://aws.test".to_owned()), path_style: true };
    let s3 = aws_sdk_s3::Client::from_conf(s3_config(&shared, &place).build());
    let sqs = aws_sdk_sqs::Client::from_conf(sqs_config(&shared, &place).build());
    let dynamodb = aws_sdk_dynamodb::Client::from_conf(dynamodb_config(&shared, &place).build());
    let ecs = aws_sdk_ecs::Client::from_conf(ecs_config(&shared, &place).build());
    Aws::of_clients(s3, sqs, dynamodb, ecs, Functions::new(&shared, &place))
}

pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<SdkBody>) -> Answer {
    let builder = http::Response::builder().status(status);
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(body.into()).unwrap()
}

/// A refusal as S3 writes it.
pub(crate) fn s3_error(status: u16, code: &str) -> Answer {
    let body =
        format!("<Error><Code>{code}</Code><Message>about {code}</Message><RequestId>R</RequestId></Error>");
    answer(status, &[("content-type", "application/xml"), ("x-amz-request-id", "REQ1")], body)
}

/// A refusal as SQS writes it.
pub(crate) fn sqs_error(status: u16, code: &str) -> Answer {
    let body = format!(r#"{{"__type":"com.amazonaws.sqs#{code}","message":"about it"}}"#);
    let query = format!("AWS.SimpleQueueService.{code};Sender");
    answer(status, &[("content-type", "application/x-amz-json-1.0"), ("x-amzn-query-error", &query)], body)
}

pub(crate) fn json(body: &str) -> Answer {
    answer(200, &[("content-type", "application/x-amz-json-1.0")], body)
}

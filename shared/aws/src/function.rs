//! A function behind its port: `Invoke`, the one operation of Lambda that is needed.
//!
//! It is put together from the parts that every client of the SDK is made of (signing, credentials, orchestration), which are
//! in the tree already. Lambda's own client has a hundred operations more, and would be the second largest thing to compile.

#[cfg(test)]
mod tests;

use std::fmt;

use async_trait::async_trait;
use aws_config::{Region, SdkConfig};
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_sdk_s3::config::http::{HttpRequest, HttpResponse};
use aws_sdk_s3::error::ErrorMetadata;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{AuthSchemeOptionResolverParams, SharedAuthScheme};
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use backfleet_core::ports::{Function, FunctionFailure, PortError, Reply};
use bytes::Bytes;
use serde::Deserialize;

use crate::call::Call;
use crate::classify::Scope;
use crate::connect::{Place, https_client, timeouts};
use crate::limits::INVOKE_CALL_MAX;

/// All functions of a region.
#[derive(Debug, Clone)]
pub(crate) struct Functions(Operation<Invocation, Reply, ErrorMetadata>);

/// One function, by name, name with version or alias, or ARN.
#[derive(Debug, Clone)]
pub struct LambdaFunction {
    functions: Functions,
    name: String,
}

/// What is sent. Its payload is item data and is not shown, whoever prints it.
struct Invocation {
    name: String,
    payload: Bytes,
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Functions {
    pub(crate) fn new(shared: &SdkConfig, place: &Place) -> Self {
        let endpoint = place.endpoint.clone().unwrap_or_else(|| endpoint_of(&place.region));
        let invoke = Operation::builder()
            .service_name("lambda")
            .operation_name("Invoke")
            .http_client(shared.http_client().unwrap_or_else(https_client))
            .endpoint_url(&endpoint)
            .no_retry()
            .timeout_config(timeouts())
            // A run is silent until its end, which `INVOKE_CALL_MAX` waits for.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .runtime_plugin(signing(shared, &place.region))
            .serializer(request_of)
            .deserializer(reply_of)
            .build();
        Self(invoke)
    }

    pub(crate) fn named(&self, name: &str) -> LambdaFunction {
        LambdaFunction { functions: self.clone(), name: name.to_owned() }
    }
}

#[async_trait]
impl Function for LambdaFunction {
    async fn invoke(&self, payload: Bytes) -> Result<Reply, PortError> {
        let call = Call {
            name: "function.invoke",
            subject: self.name.clone(),
            scope: Scope::Lambda,
            writes: true,
            limit: INVOKE_CALL_MAX,
        };
        call.ask(self.functions.0.invoke(Invocation { name: self.name.clone(), payload })).await
    }

    fn describe(&self) -> String {
        format!("lambda://{}", self.name)
    }
}

/// Where Lambda is in a region: China has a domain of its own.
fn endpoint_of(region: &Region) -> String {
    let china = if region.as_ref().starts_with("cn-") { ".cn" } else { "" };
    format!("https://lambda.{region}.amazonaws.com{china}")
}

fn signing(shared: &SdkConfig, region: &Region) -> StaticRuntimePlugin {
    let mut config = Layer::new("signing");
    config.store_put(AuthSchemeOptionResolverParams::new(()));
    config.store_put(SigV4OperationSigningConfig {
        region: Some(SigningRegion::from(region.clone())),
        name: Some(SigningName::from_static("lambda")),
        ..SigV4OperationSigningConfig::default()
    });
    let mut components = RuntimeComponentsBuilder::new("signing")
        .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
        .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])));
    if let Some(credentials) = shared.credentials_provider() {
        components.set_identity_resolver(SCHEME_ID, credentials);
    }
    StaticRuntimePlugin::new().with_config(config.freeze()).with_runtime_components(components)
}

/// Of the bytes that a function's name may have, these two have a meaning of their own in a path.
fn path_of(name: &str) -> String {
    format!("/2015-03-31/functions/{}/invocations", name.replace(':', "%3A").replace('$', "%24"))
}

fn request_of(invocation: Invocation) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(invocation.payload));
    request.set_method("POST")?;
    request.set_uri(path_of(&invocation.name))?;
    let headers = request.headers_mut();
    headers.try_insert("content-type", "application/json")?;
    headers.try_insert("x-amz-invocation-type", "RequestResponse")?;
    Ok(request)
}

/// A failure as the runtimes write it; whatever it lacks is left empty.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Thrown {
    #[serde(rename = "errorType")]
    kind: String,
    #[serde(rename = "errorMessage")]
    message: String,
}

fn reply_of(answer: &HttpResponse) -> Result<Reply, OrchestratorError<ErrorMetadata>> {
    let body = answer.body().bytes().unwrap_or_default();
    if !answer.status().is_success() {
        return Err(OrchestratorError::operation(refusal(answer, body)));
    }
    if answer.headers().get("x-amz-function-error").is_none() {
        return Ok(Reply::Returned(Bytes::copy_from_slice(body)));
    }
    let Thrown { kind, message } = serde_json::from_slice(body).unwrap_or_default();
    Ok(Reply::Failed(FunctionFailure { kind, message }))
}

/// Lambda's own refusals have their code in a header, and a sentence in the body.
fn refusal(answer: &HttpResponse, body: &[u8]) -> ErrorMetadata {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Said {
        #[serde(alias = "Message")]
        message: String,
    }
    let Said { message } = serde_json::from_slice(body).unwrap_or_default();
    let mut refusal = ErrorMetadata::builder().message(message);
    if let Some(kind) = answer.headers().get("x-amzn-errortype") {
        refusal = refusal.code(kind.split(':').next().unwrap_or(kind));
    }
    refusal.build()
}

//! Keeps pages from the SDK. Its answer to a Scan is a map of enums for every item, built only to be written out again as
//! the JSON it came from; here the HTTP client takes the body of a good answer for itself and gives the SDK an empty
//! object to read.
//!
//! ```text
//!  capture(send()) -> SDK signs -> Capturing -> the SDK's own HTTP client -> DynamoDB
//!        ^---- body ------------------/ \-- {} --> SDK reads: nothing
//! ```
//! Which call a body belongs to is told by the task: a connector answers inside the task that asked. Bodies of errors,
//! and of calls nobody captures, go to the SDK untouched.

use std::cell::RefCell;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;

tokio::task_local! {
    static BODY: RefCell<Option<Bytes>>;
}

/// Names the CRC-32 of a body as it was sent, in decimal.
const CHECKSUM: &str = "x-amz-crc32";
const LENGTH: &str = "content-length";

/// The same client, but for what is [`capture`]d.
pub(crate) fn capturing(inner: SharedHttpClient) -> SharedHttpClient {
    SharedHttpClient::new(Capturing { inner })
}

/// Makes a call; gives its answer, and the body of a good one.
pub(super) async fn capture<T>(call: impl Future<Output = T>) -> (T, Option<Bytes>) {
    let capturing = async {
        let answer = call.await;
        (answer, BODY.with(|body| body.borrow_mut().take()))
    };
    BODY.scope(RefCell::new(None), capturing).await
}

#[derive(Debug)]
struct Capturing {
    inner: SharedHttpClient,
}

impl HttpClient for Capturing {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Taker { inner: self.inner.http_connector(settings, components) })
    }
}

#[derive(Debug)]
struct Taker {
    inner: SharedHttpConnector,
}

impl HttpConnector for Taker {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            let wanted = BODY.try_with(|_| ()).is_ok();
            if wanted && answer.status().is_success() { take(answer).await } else { Ok(answer) }
        })
    }
}

async fn take(mut answer: HttpResponse) -> Result<HttpResponse, ConnectorError> {
    let body = std::mem::replace(answer.body_mut(), SdkBody::from("{}"));
    let body = ByteStream::new(body).collect().await;
    let body = body.map_err(|error| ConnectorError::io(error.into()))?.into_bytes();
    let told = answer.headers().get(CHECKSUM).and_then(|text| text.parse::<u32>().ok());
    if told.is_some_and(|told| told != crc32fast::hash(&body)) {
        return Err(ConnectorError::io("the answer is not what its CRC-32 says".into()));
    }
    // They speak of a body that is no longer there.
    answer.headers_mut().remove(CHECKSUM);
    answer.headers_mut().remove(LENGTH);
    BODY.with(|slot| *slot.borrow_mut() = Some(body));
    Ok(answer)
}

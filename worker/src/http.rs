//! `/metrics`, `/healthz` and `/readyz` for whoever watches a process. Metrics are described by the one table.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backfleet_core::metrics::{Kind, TABLE};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tracing::{info, warn};

/// Bounds of the stage histogram, in seconds: from a tiny file to one of many gigabytes.
const STAGE_BUCKETS: [f64; 14] =
    [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0];

/// A process that cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The address cannot be listened on.
    #[error("{addr} cannot be listened on")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The metrics recorder cannot be made.
    #[error("metrics cannot be recorded")]
    Recorder(#[from] BuildError),
    /// Another recorder is there already.
    #[error("metrics are recorded elsewhere already")]
    Installed,
}

/// Whether the process is ready for work, as `/readyz` tells.
pub type Ready = Arc<AtomicBool>;

/// Begins to record metrics and to answer on `addr`. Gives the address that is listened on, for port 0.
pub async fn serve(addr: SocketAddr, ready: Ready) -> Result<SocketAddr, WatchError> {
    let handle = record()?;
    let failed = |source| WatchError::Listen { addr, source };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    info!(%bound, "serving metrics");
    tokio::spawn(accept(listener, handle, ready));
    Ok(bound)
}

fn record() -> Result<PrometheusHandle, WatchError> {
    let stage = Matcher::Full(backfleet_core::metrics::STAGE_SECONDS.to_owned());
    let recorder = PrometheusBuilder::new().set_buckets_for_metric(stage, &STAGE_BUCKETS)?.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| WatchError::Installed)?;
    describe();
    Ok(handle)
}

fn describe() {
    for metric in TABLE {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            Kind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
}

async fn accept(listener: TcpListener, handle: PrometheusHandle, ready: Ready) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "a watcher could not be accepted");
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                continue;
            }
        };
        let (handle, ready) = (handle.clone(), ready.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let response = answer(request.uri().path(), &handle, &ready);
            async move { Ok::<_, Infallible>(response) }
        });
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            // A watcher that goes away in the middle is no concern of the work.
            drop(connection.await);
        });
    }
}

fn answer(path: &str, handle: &PrometheusHandle, ready: &Ready) -> Response<Full<Bytes>> {
    let (status, body) = match path {
        "/metrics" => {
            handle.run_upkeep();
            (StatusCode::OK, handle.render())
        }
        "/healthz" => (StatusCode::OK, "ok\n".to_owned()),
        "/readyz" if ready.load(Ordering::Relaxed) => (StatusCode::OK, "ready\n".to_owned()),
        "/readyz" => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, "there are /metrics, /healthz and /readyz\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
}

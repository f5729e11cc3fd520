//! `/metrics`, `/healthz` and `/readyz` for whoever watches a process. Metrics are described by the one table.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backfleet_core::metrics::{
    INVOCATION_OUTCOMES, INVOCATIONS, ITEMS_TOUCHED, Kind, PUT_CONFLICT_KINDS, PUT_CONFLICTS, TABLE,
    TOUCH_OUTCOMES,
};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{info, warn};

/// Bounds of the histograms, all of seconds: from a tiny file to a message that waits for as long as SQS keeps it.
const SECONDS_BUCKETS: [f64; 18] = [
    0.001,
    0.005,
    0.02,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    15.0,
    60.0,
    300.0,
    1800.0,
    7200.0,
    43_200.0,
    259_200.0,
    1_209_600.0,
];

const METRICS: &str = "/metrics";

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

/// Who looked at the metrics of this process.
#[derive(Debug, Clone)]
pub struct Watchers(watch::Sender<u64>);

impl Watchers {
    /// Waits until somebody has looked at the figures as they are now, for so long at most: what a process says last would
    /// otherwise never be heard.
    pub async fn heard(&self, at_most: Duration) {
        let now = *self.0.borrow();
        let mut looks = self.0.subscribe();
        // Nobody looking is no error: there may be nobody.
        drop(timeout(at_most, looks.wait_for(|looks| *looks > now)).await);
    }
}

/// Begins to record metrics and to answer on `addr`.
pub async fn serve(addr: SocketAddr, ready: Ready) -> Result<Watchers, WatchError> {
    let handle = record()?;
    let failed = |source| WatchError::Listen { addr, source };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    info!(%bound, "serving metrics");
    let watchers = Watchers(watch::Sender::new(0));
    tokio::spawn(accept(listener, handle, ready, watchers.clone()));
    Ok(watchers)
}

fn record() -> Result<PrometheusHandle, WatchError> {
    let mut builder = PrometheusBuilder::new();
    for name in TABLE.iter().filter(|metric| metric.kind == Kind::Histogram).map(|metric| metric.name) {
        builder = builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), &SECONDS_BUCKETS)?;
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| WatchError::Installed)?;
    describe();
    Ok(handle)
}

/// A counter without labels begins at nought: one that came to be with its first event would hide that event from whoever
/// looks for an increase. So do the kinds of conflicts, one of which pages somebody, and what counts as moving.
fn describe() {
    for kind in PUT_CONFLICT_KINDS {
        metrics::counter!(PUT_CONFLICTS, "kind" => kind).increment(0);
    }
    for outcome in INVOCATION_OUTCOMES {
        metrics::counter!(INVOCATIONS, "outcome" => outcome).increment(0);
    }
    for outcome in TOUCH_OUTCOMES {
        metrics::counter!(ITEMS_TOUCHED, "outcome" => outcome).increment(0);
    }
    for metric in TABLE {
        if metric.kind == Kind::Counter && metric.labels.is_empty() {
            metrics::counter!(metric.name).increment(0);
        }
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            Kind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
}

async fn accept(listener: TcpListener, handle: PrometheusHandle, ready: Ready, watchers: Watchers) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "a watcher could not be accepted");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let (handle, ready, watchers) = (handle.clone(), ready.clone(), watchers.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let path = request.uri().path();
            let response = answer(path, &handle, &ready);
            watchers.0.send_if_modified(|looks| {
                *looks += u64::from(path == METRICS);
                path == METRICS
            });
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
        METRICS => {
            crate::vitals::note();
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

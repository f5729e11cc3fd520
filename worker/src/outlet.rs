//! Opens sinks, paced and tried again.

use std::sync::Arc;

use backfleet_core::paced::{PacedFunction, PacedToucher};
use backfleet_core::retry::{RetryingFunction, RetryingToucher};
use backfleet_core::sink::{FunctionSink, Sink, TouchSink};

use crate::desk::Outlet;
use crate::location::{Connections, LocationError};

/// Opens a sink. Asks it nothing yet.
pub async fn open(sink: &Sink, connections: &Connections) -> Result<Outlet, LocationError> {
    let aws = connections.aws().await;
    let aws = aws.map_err(|source| LocationError::Connect { place: sink.place().to_string(), source })?;
    match sink {
        Sink::Function(FunctionSink { name, .. }) => {
            let paced = PacedFunction::new(aws.function(name), connections.paces().invoke.clone());
            Ok(Outlet::Function(Arc::new(RetryingFunction::new(Arc::new(paced), connections.retrier()))))
        }
        Sink::Touch(TouchSink { table, .. }) => {
            let table = RetryingToucher::new(Arc::new(aws.table(table, None)), connections.retrier());
            Ok(Outlet::Table(Arc::new(PacedToucher::new(Arc::new(table), connections.paces().write.clone()))))
        }
    }
}

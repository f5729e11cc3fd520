//! Opens sinks, paced and tried again.

use std::sync::Arc;

use backfleet_core::paced::PacedFunction;
use backfleet_core::retry::RetryingFunction;
use backfleet_core::sink::{FunctionSink, Sink};

use crate::desk::Outlet;
use crate::location::{Connections, LocationError};

/// Opens a sink. Asks it nothing yet.
pub async fn open(sink: &Sink, connections: &Connections) -> Result<Outlet, LocationError> {
    let aws = connections.aws().await;
    let aws = aws.map_err(|source| LocationError::Connect { place: sink.place().to_string(), source })?;
    match sink {
        Sink::Function(FunctionSink { name, .. }) => {
            let paced = PacedFunction::new(aws.function(name), connections.invoke_pace());
            Ok(Outlet::Function(Arc::new(RetryingFunction::new(Arc::new(paced), connections.retrier()))))
        }
    }
}

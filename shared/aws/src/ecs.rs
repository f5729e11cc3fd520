//! A service of ECS: how many tasks it wants and has. For an operator's commands; workers never come here.

#[cfg(test)]
mod tests;

use aws_sdk_ecs::Client;
use backfleet_core::ports::{PortError, PortFault};

use crate::call::Call;
use crate::classify::{Scope, own};
use crate::limits::SMALL_CALL_MAX;

/// One service.
#[derive(Debug, Clone)]
pub struct EcsService {
    client: Client,
    cluster: String,
    service: String,
}

/// How many tasks a service wants and has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tasks {
    /// As many as it should have.
    pub desired: u32,
    /// As many as run.
    pub running: u32,
}

impl EcsService {
    pub(crate) fn new(client: Client, cluster: &str, service: &str) -> Self {
        Self { client, cluster: cluster.to_owned(), service: service.to_owned() }
    }

    fn call(&self, name: &'static str, writes: bool) -> Call {
        let subject = format!("{}/{}", self.cluster, self.service);
        Call { name, subject, scope: Scope::Ecs, writes, limit: SMALL_CALL_MAX }
    }

    /// How many tasks it wants and has. `NotFound` when there is no such service, or it was deleted.
    pub async fn tasks(&self) -> Result<Tasks, PortError> {
        let call = self.call("service.describe", false);
        let answer = self.client.describe_services().cluster(&self.cluster).services(&self.service).send();
        let answer = call.ask(answer).await?;
        let active = answer.services().iter().find(|service| service.status() == Some("ACTIVE"));
        let service =
            active.ok_or_else(|| call.refused(PortFault::NotFound, "the cluster has no such service"))?;
        let count = |count: i32| u32::try_from(count).unwrap_or(0);
        Ok(Tasks { desired: count(service.desired_count()), running: count(service.running_count()) })
    }

    /// Has it want so many tasks. The same call again changes nothing.
    pub async fn set_desired(&self, tasks: u32) -> Result<(), PortError> {
        let call = self.call("service.update", true);
        let tasks = i32::try_from(tasks)
            .map_err(|_| call.failed_as(own::NOT_BUILT, "more tasks than ECS counts to"))?;
        let answer = self.client.update_service().cluster(&self.cluster).service(&self.service);
        call.ask(answer.desired_count(tasks).send()).await?;
        Ok(())
    }
}

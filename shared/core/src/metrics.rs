//! The metrics table: every metric of the fleet, once. Code names a metric by its constant, the operator's page
//! and the dashboards are checked against [`TABLE`].

/// What kind of figure a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its Prometheus name.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// Its unit; empty for a plain count.
    pub unit: &'static str,
    /// Its labels, each with few values; never a unit, key or item.
    pub labels: &'static [&'static str],
    /// One sentence for the operator.
    pub help: &'static str,
}

/// Every `kind` of [`PUT_CONFLICTS`].
pub const PUT_CONFLICT_KINDS: [&str; 4] = ["equal_412", "different_412", "yielded_412", "retry_409"];

/// Outcomes of a run of a function.
pub const INVOCATION_OUTCOMES: [&str; 4] = ["taken", "reported", "failed", "too_large"];

/// Outcomes of a touch.
pub const TOUCH_OUTCOMES: [&str; 3] = ["touched", "passed_over", "refused"];

macro_rules! metrics {
    ($($(#[$doc:meta])* $constant:ident = $kind:ident $name:literal [$unit:literal] ($($label:literal),*) $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: &str = $name;)*
        /// Every metric.
        pub const TABLE: &[Metric] = &[$(Metric {
            name: $name, kind: Kind::$kind, unit: $unit, labels: &[$($label),*], help: $help,
        }),*];
    };
}

metrics! {
    UNITS_RECEIVED = Counter "backfleet_units_received_total" ["units"] () "Deliveries of units received.";
    UNITS_COMPLETED = Counter "backfleet_units_completed_total" ["units"] () "Units whose completion this process wrote or confirmed.";
    UNITS_FAILED = Counter "backfleet_units_failed_total" ["units"] ("class") "Deliveries that ended in a failure, by its class.";
    RECORDS_IN = Counter "backfleet_records_in_total" ["records"] () "Records read in completed units.";
    RECORDS_OUT = Counter "backfleet_records_out_total" ["records"] () "Records written in completed units.";
    RECORDS_QUARANTINED = Counter "backfleet_records_quarantined_total" ["records"] () "Records put into quarantine in completed units.";
    RECORDS_FILTERED = Counter "backfleet_records_filtered_total" ["records"] () "Records that a table's own filter left out, in completed units.";
    BYTES_IN = Counter "backfleet_bytes_in_total" ["bytes"] () "Bytes of input converted, as stored.";
    BYTES_OUT = Counter "backfleet_bytes_out_total" ["bytes"] () "Bytes of shards written, as stored.";
    SHARDS_WRITTEN = Counter "backfleet_shards_written_total" ["shards"] () "Shards put by this process.";
    PUT_CONFLICTS = Counter "backfleet_put_conflicts_total" ["puts"] ("kind") "Puts that met another one: equal_412 is as good as done, retry_409 is tried again, yielded_412 lost a race of a scan, different_412 is a defect.";
    LEASE_EXTENDED = Counter "backfleet_lease_extended_total" ["leases"] () "Heartbeats that extended a lease.";
    LEASE_LOST = Counter "backfleet_lease_lost_total" ["leases"] () "Deliveries given up because their lease had ended.";
    REQUESTS = Counter "backfleet_requests_total" ["requests"] ("call") "Requests made to a service, tries counted one by one, by call; a batch is one.";
    RETRIES = Counter "backfleet_retries_total" ["calls"] ("call", "class") "Calls of a port that were tried again, by call and by what went wrong.";
    UNITS_CONTINUED = Counter "backfleet_units_continued_total" ["units"] () "Deliveries of scan segments that ended in a continuation message.";
    RCU_CONSUMED = Counter "backfleet_rcu_consumed_total" ["units"] () "Read capacity units that pages of scans cost.";
    RCU_BUDGET = Gauge "backfleet_rcu_budget" ["units"] () "Read capacity units a second that the whole fleet may use, as this worker last read it; 0 while paused.";
    PACE_WAIT_SECONDS = Histogram "backfleet_pace_wait_seconds" ["seconds"] () "Time that a page of a scan waited for its lane's share of the budget.";
    THROTTLES = Counter "backfleet_throttles_total" ["pages"] ("reason") "Pages of scans that DynamoDB refused for want of capacity, by its reason.";
    INVOCATIONS = Counter "backfleet_invocations_total" ["runs"] ("outcome") "Runs of a function on an envelope or a part of one, by what it said: taken, reported, failed, too_large.";
    ITEMS_TOUCHED = Counter "backfleet_items_touched_total" ["items"] ("outcome") "Items of a table that were to be touched, by what became of them: touched, passed_over, refused.";
    WCU_CONSUMED = Counter "backfleet_wcu_consumed_total" ["units"] () "Write capacity units that touches cost.";
    STAGE_SECONDS = Histogram "backfleet_stage_seconds" ["seconds"] ("stage") "Time of one unit spent in a stage: get, convert, put.";
    QUEUE_WAIT_SECONDS = Histogram "backfleet_queue_wait_seconds" ["seconds"] () "Time from a message being sent to its first receipt here.";
    MEMORY_BYTES = Gauge "backfleet_memory_bytes" ["bytes"] () "Resident memory of the process.";
    MEMORY_LIMIT_BYTES = Gauge "backfleet_memory_limit_bytes" ["bytes"] () "Memory that the process may use, by BACKFLEET_MEMORY_LIMIT (bytes) or its control group; absent where there is no limit.";
    CPU_SECONDS = Counter "backfleet_cpu_seconds_total" ["seconds"] () "CPU time of the process, user and system.";
    BUILD_INFO = Gauge "backfleet_build_info" ["flag"] ("version") "1, with the version of the program.";
    UNITS_PLANNED = Gauge "backfleet_units_planned" ["units"] () "Units of the job that a coordinator watches.";
    UNITS_REMAINING = Gauge "backfleet_units_remaining" ["units"] () "Units of that job without a completion.";
    OLDEST_INCOMPLETE_AGE_SECONDS = Gauge "backfleet_oldest_incomplete_unit_age_seconds" ["seconds"] () "Time since anything of that job was completed, while units remain.";
    ETA_SECONDS = Gauge "backfleet_eta_seconds" ["seconds"] () "Time that the rest of that job will take at the rate of the last ten minutes.";
    QUEUE_DEPTH = Gauge "backfleet_queue_depth" ["messages"] ("state") "Messages on the work queue by state: visible, in_flight, delayed; approximate.";
    DLQ_DEPTH = Gauge "backfleet_dlq_depth" ["messages"] () "Dead letters; approximate.";
    VERIFY_MISMATCH = Counter "backfleet_verify_mismatch_total" ["findings"] () "Things that a verification found wrong.";
    DRAINING = Gauge "backfleet_draining" ["flag"] () "1 while this worker was told to stop and finishes what it has.";
    IN_FLIGHT_UNITS = Gauge "backfleet_in_flight_units" ["units"] () "Units this process holds now.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_named_as_prometheus_asks() {
        for metric in TABLE {
            assert!(metric.name.starts_with("backfleet_"), "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
            assert!(metric.help.ends_with('.') && !metric.unit.is_empty(), "{}", metric.name);
        }
        let mut names: Vec<_> = TABLE.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len(), "a name stands twice");
    }
}

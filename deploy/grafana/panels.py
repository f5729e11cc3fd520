"""What the dashboard of a fleet shows: its rows, their panels, the expressions.

How Grafana wants that written down is the business of dashboard.py. A panel that shows the figure of an alert
ends its text with it ("Alert: UnitStuck.") and has the alert's threshold as its `limit`;
deploy/prometheus/check.py holds both against rules.yml.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Query:
    """One expression and what its lines are called."""

    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """One panel: a line chart, or with `stat` a number."""

    title: str
    text: str
    queries: list[Query]
    unit: str = "short"
    stat: bool = False
    width: int = 8
    limit: float | None = None
    stack: bool = False
    max: float | None = None
    decimals: int | None = None
    none: str = "none"

    @property
    def height(self) -> int:
        return 4 if self.stat else 8


@dataclass(frozen=True)
class Row:
    """A titled row of panels."""

    title: str
    panels: list[Panel]


def rate(metric: str, by: str = "") -> str:
    """What a counter grows by a second, over the fleet."""
    return f"sum{f' by ({by}) ' if by else ''}(rate({metric}[$__rate_interval]))"


def quantile(share: float, histogram: str, by: str = "") -> str:
    """A quantile of a histogram, over the fleet."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket[$__rate_interval])))"


def mean(histogram: str) -> str:
    """The mean of a histogram, over the fleet."""
    return f"{rate(histogram + '_sum')} / {rate(histogram + '_count')}"


# What no job does yet is drawn as nought.
NOUGHT = " or vector(0)"

JOB = Row("Job", [
    Panel(
        "Progress",
        "Units with a completion, of those planned. Told by the coordinator, from completions and never "
        "from the queue.",
        [Query("1 - max(backfleet_units_remaining) / max(backfleet_units_planned)", "done")],
        unit="percentunit", stat=True, width=6, max=1,
    ),
    Panel(
        "Time left",
        "What the rest will take at the rate of the last ten minutes, by bytes of input.",
        [Query("max(backfleet_eta_seconds)", "left")],
        unit="s", stat=True, width=6,
    ),
    Panel(
        "Units left",
        "Units without a completion.",
        [Query("max(backfleet_units_remaining)", "units")],
        stat=True, width=6, decimals=0,
    ),
    Panel(
        "Units planned",
        "Units of the job that the coordinator watches.",
        [Query("max(backfleet_units_planned)", "units")],
        stat=True, width=6, decimals=0,
    ),
    Panel(
        "Units",
        "Deliveries received, units completed, and slices of scan segments handed on, a second. All at 0 "
        "while units remain, and no shard and no read unit either: the job stands still. Alert: "
        "JobStalled.",
        [
            Query(rate("backfleet_units_received_total"), "received"),
            Query(rate("backfleet_units_completed_total"), "completed"),
            Query(rate("backfleet_units_continued_total"), "continued"),
            Query(rate("backfleet_shards_written_total"), "shards written"),
        ],
        unit="cps",
    ),
    Panel(
        "Records",
        "Records of completed units, so they come in steps of a unit. Out is less than in by what was "
        "quarantined.",
        [
            Query(rate("backfleet_records_in_total"), "in"),
            Query(rate("backfleet_records_out_total"), "out"),
        ],
        unit="cps",
    ),
    Panel(
        "Bytes",
        "Input of completed units and shards as they are put, both as stored.",
        [
            Query(rate("backfleet_bytes_in_total"), "in"),
            Query(rate("backfleet_bytes_out_total"), "out"),
        ],
        unit="Bps",
    ),
])

QUEUE = Row("Queue", [
    Panel(
        "Dead letters",
        "Units that were put aside. The job cannot be finished without them. Alert: DlqNotEmpty.",
        [Query("max(backfleet_dlq_depth)", "letters")],
        stat=True, width=6, limit=0, decimals=0,
    ),
    Panel(
        "Since the last completion",
        "Time since any unit was completed, while units remain. Alert: UnitStuck.",
        [Query("max(backfleet_oldest_incomplete_unit_age_seconds)", "age")],
        unit="s", stat=True, width=6, limit=1800,
    ),
    Panel(
        "Message age at the end",
        "How old the last waiting message will be when its turn comes; messages are deleted after 14 "
        "days. Alert: RetentionRisk.",
        [Query("backfleet:message_age_at_end:seconds", "age")],
        unit="s", stat=True, width=6, limit=1036800,
    ),
    Panel(
        "Queue wait now",
        "How long the messages that arrive now have waited since they were sent, on average.",
        [Query(mean("backfleet_queue_wait_seconds"), "mean")],
        unit="s", stat=True, width=6,
    ),
    Panel(
        "Messages",
        "Messages on the work queue by state, as SQS tells it: approximate.",
        [Query("max by (state) (backfleet_queue_depth)", "{{state}}")],
        decimals=0, stack=True,
    ),
    Panel(
        "Oldest incomplete unit",
        "Time since any unit was completed, while units remain. Alert: UnitStuck.",
        [Query("max(backfleet_oldest_incomplete_unit_age_seconds)", "since the last completion")],
        unit="s", limit=1800,
    ),
    Panel(
        "Queue wait",
        "Time from a message being sent to its first receipt. An export puts all its units on the queue "
        "at once, so it grows to the length of the job. Quantiles end at the largest bucket, the mean does "
        "not.",
        [
            Query(mean("backfleet_queue_wait_seconds"), "mean"),
            Query(quantile(0.5, "backfleet_queue_wait_seconds"), "median"),
            Query(quantile(0.95, "backfleet_queue_wait_seconds"), "95 %"),
        ],
        unit="s",
    ),
])

FLEET = Row("Fleet", [
    Panel(
        "Workers up",
        "Workers that answer. Alert: NoWorkers.",
        [Query("backfleet:workers_up:sum", "up")],
        stat=True, width=6, decimals=0,
    ),
    Panel(
        "Draining",
        "Workers that were told to stop and finish what they have.",
        [Query("sum(backfleet_draining)", "draining")],
        stat=True, width=6, decimals=0,
    ),
    Panel(
        "Coordinators up",
        "Coordinators that answer: start --wait or status --watch. Without one most alerts are blind. "
        "Alert: NotWatched.",
        [Query('sum(up{job="backfleet-coordinator"})', "up")],
        stat=True, width=6, decimals=0,
    ),
    Panel(
        "Memory, highest",
        "Memory against its limit of the process that is closest to it; none where there is no limit. "
        "Alert: MemoryNearLimit.",
        [Query("max(backfleet:memory:ratio)", "of the limit")],
        unit="percentunit", stat=True, width=6, limit=0.9, max=1,
    ),
    Panel(
        "Units in hand",
        "Units that each worker holds now.",
        [Query("backfleet_in_flight_units", "{{instance}}")],
        decimals=0, stack=True,
    ),
    Panel(
        "Bytes written by worker",
        "Shards put by each worker, as stored.",
        [
            Query(
                'sum by (instance) (rate(backfleet_bytes_out_total{job="backfleet-worker"}[$__rate_interval]))',
                "{{instance}}",
            ),
        ],
        unit="Bps",
    ),
    Panel(
        "Where units spend their time",
        "Units that are in a stage at a time, on average. Counted when a unit is done, exports only.",
        [Query(rate("backfleet_stage_seconds_sum", "stage"), "{{stage}}")],
        stack=True,
    ),
    Panel(
        "Stage times, 95 %",
        "Of the units that were done, 95 in a hundred spent less in this stage. Exports only.",
        [Query(quantile(0.95, "backfleet_stage_seconds", "stage"), "{{stage}}")],
        unit="s",
    ),
    Panel(
        "CPU",
        "Cores in use by each process.",
        [Query("rate(backfleet_cpu_seconds_total[$__rate_interval])", "{{instance}}")],
    ),
    Panel(
        "Memory against its limit",
        "Resident memory as a part of the container's limit; no line where there is none. Alert: "
        "MemoryNearLimit.",
        [Query("backfleet:memory:ratio", "{{instance}}")],
        unit="percentunit", limit=0.9, max=1,
    ),
    Panel(
        "Memory",
        "Resident memory of each process, and the lowest limit.",
        [
            Query("backfleet_memory_bytes", "{{instance}}"),
            Query("min(backfleet_memory_limit_bytes)", "limit"),
        ],
        unit="bytes",
    ),
    Panel(
        "Requests",
        "Requests made to S3, SQS and DynamoDB, every try counted: what AWS bills.",
        [Query(rate("backfleet_requests_total", "call"), "{{call}}")],
        unit="reqps", stack=True,
    ),
    Panel(
        "Versions",
        "Processes by version. Two versions of workers at once can disagree about a shard.",
        [Query("count by (job, version) (backfleet_build_info)", "{{job}} {{version}}")],
        decimals=0, stack=True,
    ),
])

BUDGET = Row("Budget", [
    Panel(
        "Budget in use",
        "Read units used over five minutes, as a part of the budget of the scan. Alert: BudgetExceeded.",
        [Query("backfleet:rcu_used:rate5m / max_over_time(backfleet:rcu_budget:max[6m])", "used")],
        unit="percentunit", stat=True, width=6, limit=1.05,
    ),
    Panel(
        "Budget",
        "Read units a second that the fleet may use; 0 while paused.",
        [Query("backfleet:rcu_budget:max", "read units a second")],
        stat=True, width=6, decimals=0, none="no scan",
    ),
    Panel(
        "Pages refused",
        "Pages of the last ten minutes that DynamoDB refused for want of capacity. Alert: ThrottlingHigh.",
        [Query("backfleet:throttled:ratio10m", "refused")],
        unit="percentunit", stat=True, width=6, limit=0.05,
    ),
    Panel(
        "Pages",
        "Pages of scans asked for, a second.",
        [Query('sum(rate(backfleet_requests_total{call="table.page"}[$__rate_interval]))', "pages")],
        unit="reqps", stat=True, width=6,
    ),
    Panel(
        "Read units against the budget",
        "What the fleet reads, what it read over five minutes, and what it may. Alert: BudgetExceeded, "
        "when five minutes are more than 5 % above.",
        [
            Query(rate("backfleet_rcu_consumed_total"), "read"),
            Query("backfleet:rcu_used:rate5m", "read over 5 min"),
            Query("backfleet:rcu_budget:max", "budget"),
        ],
        unit="cps",
    ),
    Panel(
        "Pace wait",
        "Time that a page waited for its lane's share of the budget. Near 0: not the budget holds the "
        "scan up.",
        [
            Query(quantile(0.5, "backfleet_pace_wait_seconds"), "median"),
            Query(quantile(0.95, "backfleet_pace_wait_seconds"), "95 %"),
        ],
        unit="s",
    ),
    Panel(
        "Refused pages by reason",
        "KeyRange… is one hot partition and slows one lane only; Provisioned… and MaxOnDemand… are the "
        "table; Account… is the account.",
        [Query(rate("backfleet_throttles_total", "reason"), "{{reason}}")],
        unit="cps",
    ),
])

SINKS = Row("Sinks", [
    Panel(
        "Runs of functions by outcome",
        "Envelopes, or parts of one, that a function was handed. reported: it named records to be handed again. "
        "failed: an exception or a timeout; what fails every time is halved down to the record.",
        [Query(rate("backfleet_invocations_total", "outcome") + NOUGHT, "{{outcome}}")],
        unit="cps", stack=True,
    ),
    Panel(
        "Touches by outcome",
        "Items of a table that were to be touched. passed_over: another item by now, or gone; it costs as much.",
        [Query(rate("backfleet_items_touched_total", "outcome") + NOUGHT, "{{outcome}}")],
        unit="cps", stack=True,
    ),
    Panel(
        "Write units of touches",
        "What touches cost, over all processes; each holds --write-budget by itself.",
        [Query(rate("backfleet_wcu_consumed_total") + NOUGHT, "units per second")],
    ),
])

TROUBLE = Row("Trouble", [
    Panel(
        "Shards with other content",
        "Puts that met other records under the same name within the last hour. Alert: ShardConflict.",
        [Query('sum(max_over_time(backfleet_put_conflicts_total{kind="different_412"}[1h]))', "conflicts")],
        stat=True, width=4, limit=0, decimals=0,
    ),
    Panel(
        "Verify mismatches",
        "Things that a verification found wrong within the last hour. Alert: VerifyMismatch.",
        [Query("sum(max_over_time(backfleet_verify_mismatch_total[1h]))", "findings")],
        stat=True, width=4, limit=0, decimals=0,
    ),
    Panel(
        "Failed deliveries",
        "Of the last quarter of an hour. Alert: ErrorRatio.",
        [Query("backfleet:failed:ratio15m", "failed")],
        unit="percentunit", stat=True, width=4, limit=0.1,
    ),
    Panel(
        "Lost leases",
        "Of the deliveries of the last half hour. Alert: LeaseLossHigh.",
        [Query("backfleet:lease_lost:ratio30m", "lost")],
        unit="percentunit", stat=True, width=4, limit=0.05,
    ),
    Panel(
        "Quarantined records",
        "In units that the running workers completed.",
        [Query("sum(backfleet_records_quarantined_total)", "records")],
        stat=True, width=4, decimals=0,
    ),
    Panel(
        "Filtered records",
        "Left out by the table's own filter, in units that the running workers completed.",
        [Query("sum(backfleet_records_filtered_total)", "records")],
        stat=True, width=4, decimals=0,
    ),
    Panel(
        "Failed deliveries by class",
        "Each is tried again, five times in all, or put aside at once where another try cannot help.",
        [Query(rate("backfleet_units_failed_total", "class"), "{{class}}")],
        unit="cps", stack=True,
    ),
    Panel(
        "Retries by class",
        "Calls that were tried again inside a delivery, by what went wrong.",
        [Query(rate("backfleet_retries_total", "class"), "{{class}}")],
        unit="cps", stack=True,
    ),
    Panel(
        "Retries by call",
        "The same by what was called.",
        [Query(rate("backfleet_retries_total", "call"), "{{call}}")],
        unit="cps", stack=True,
    ),
    Panel(
        "Put conflicts",
        "Puts that met an object, since the running workers began. equal_412: our own lost reply or a "
        "twin. yielded_412: another worker was first on a segment. retry_409: a put at the same time. "
        "different_412 is a defect. Alert: ShardConflict.",
        [Query("sum by (kind) (backfleet_put_conflicts_total)", "{{kind}}")],
        decimals=0,
    ),
    Panel(
        "Leases",
        "Heartbeats that extended a lease, and leases that ended too early.",
        [
            Query(rate("backfleet_lease_extended_total"), "extended"),
            Query(rate("backfleet_lease_lost_total"), "lost"),
        ],
        unit="cps",
    ),
    Panel(
        "Dead letters over time",
        "Units that were put aside. Alert: DlqNotEmpty.",
        [Query("max(backfleet_dlq_depth)", "letters")],
        limit=0, decimals=0,
    ),
])

ROWS = [JOB, QUEUE, FLEET, BUDGET, SINKS, TROUBLE]

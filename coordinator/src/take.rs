//! Takes an export of a table: starts it once, however often that is asked for, and waits until it is written.
//!
//! ```text
//! <to>/_backfleet/exports/<digest of what is asked>/0001.json       ticket: the token, written before DynamoDB is asked
//!                                                  /0001.arn.json   the export, once DynamoDB has named it
//! ```
//! A token makes a request that is sent twice one export, for eight hours. A ticket older than that without an export is
//! looked for among the table's exports by its token.

mod book;
mod span;

use std::sync::Arc;
use std::time::Duration;

use backfleet_core::ports::{
    Clock as _, ExportFormat, ExportProgress, ExportRefusal, ExportRequest, ExportSpan, ExportStart,
    Exporter, ObjectStore, PortError, PortFault, Recovery, SystemClock, TableFacts,
};
use backfleet_core::retry::Retrier;
use backfleet_worker::location::{Connections, Location, LocationError};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use book::{Book, BookError, Ticket};
pub use span::SpanError;

/// A token is good for 8 hours after its first request (ExportTableToPointInTime); an hour less is surely within.
const TOKEN_LIFE: Duration = Duration::from_secs(7 * 3600);
/// How often DynamoDB is asked how far an export is, at first and later: exports take minutes at least.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const LOOK_EVERY_MAX: Duration = Duration::from_secs(30);
/// How long recovery may take to be on.
const RECOVERY_LOOKS: u32 = 60;
/// The last part of the key of an export's summary.
const SUMMARY: &str = "/manifest-summary.json";

/// What a person asks for.
#[derive(Debug, Clone)]
pub struct Order {
    /// The table.
    pub table: Location,
    /// Bucket and prefix that are written to.
    pub to: Location,
    /// How items are written.
    pub format: ExportFormat,
    /// Which items.
    pub span: ExportSpan,
    /// Account that owns the bucket, where it is another one's.
    pub bucket_owner: Option<String>,
    /// Key of SSE-KMS.
    pub kms_key: Option<String>,
    /// Take another one, though the one that was asked for in these words is done.
    pub again: bool,
    /// Turn point-in-time recovery on where it is off.
    pub enable_recovery: bool,
}

/// An export that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// A place cannot be used.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// Not a table as a whole.
    #[error("{place} cannot be exported: exports are of whole tables")]
    NoTable {
        /// What was given.
        place: String,
    },
    /// Not a bucket.
    #[error("{place} is no place for an export: DynamoDB writes to s3://bucket/prefix")]
    NoBucket {
        /// What was given.
        place: String,
    },
    /// The table, or an export of it, did not say how it is.
    #[error("DynamoDB cannot be asked about {subject}")]
    Ask {
        /// What it was about.
        subject: String,
        /// Why.
        source: PortError,
    },
    /// Nothing can be exported.
    #[error("point-in-time recovery of {table} is off, and without it DynamoDB exports nothing")]
    RecoveryOff {
        /// The table.
        table: String,
    },
    /// Recovery was turned on and is not on.
    #[error("point-in-time recovery of {table} was turned on two minutes ago and is not on yet")]
    RecoverySlow {
        /// The table.
        table: String,
    },
    /// The times are none that can be exported.
    #[error(transparent)]
    Span(#[from] SpanError),
    /// DynamoDB would not start it.
    #[error("DynamoDB does not start the export: {words}")]
    Refused {
        /// Why.
        refusal: ExportRefusal,
        /// DynamoDB's words.
        words: String,
    },
    /// It was started, and failed.
    #[error("export {arn} failed with {code}: {message}")]
    Failed {
        /// The export.
        arn: String,
        /// DynamoDB's code.
        code: String,
        /// DynamoDB's words.
        message: String,
    },
    /// Its summary lies where no summary lies.
    #[error("export {arn} names {key:?} as its summary, which is none")]
    Manifest {
        /// The export.
        arn: String,
        /// The key.
        key: String,
    },
    /// What was asked before cannot be read or written.
    #[error(transparent)]
    Book(#[from] BookError),
}

/// An export that runs or is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// Its ARN.
    pub arn: String,
    /// How it came about.
    pub how: How,
}

/// How an export came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// By this call.
    Started,
    /// By this call, after the last one had failed with this code.
    StartedAfter(String),
    /// By an earlier one.
    Found,
}

/// An export that is done.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Where it lies: what `--source` takes.
    pub source: Location,
    /// Items in it, as DynamoDB says.
    pub items: Option<u64>,
    /// Bytes that are paid for, as DynamoDB says.
    pub billed_bytes: Option<u64>,
}

/// A table whose export is asked for.
pub struct Taker {
    order: Order,
    bucket: String,
    prefix: String,
    /// What the table says of itself.
    pub facts: TableFacts,
    exporter: Arc<dyn Exporter>,
    store: Arc<dyn ObjectStore>,
    retrier: Arc<Retrier>,
}

impl Taker {
    /// Describes the table and opens the bucket. Writes nothing.
    pub async fn open(order: Order, connections: &Connections) -> Result<Self, TakeError> {
        let Location::Table { index: None, .. } = &order.table else {
            return Err(TakeError::NoTable { place: order.table.to_string() });
        };
        let Location::S3 { bucket, prefix } = order.to.clone() else {
            return Err(TakeError::NoBucket { place: order.to.to_string() });
        };
        let table = order.table.open_table(connections).await?;
        let facts = table.describe().await.map_err(asked(&order.table))?;
        let exporter = Arc::new(order.table.open_exporter(&facts.arn, connections).await?);
        let store = order.to.open_to_write(connections).await?;
        Ok(Self { order, bucket, prefix, facts, exporter, store, retrier: connections.retrier() })
    }

    /// Starts the export, or finds the one that was started by the same words.
    pub async fn begin(&self) -> Result<Begun, TakeError> {
        let book = self.book();
        let Some(last) = book.last().await? else { return self.start_new(&book, 1, How::Started).await };
        let next = last.number + 1;
        let Some(arn) = last.arn else { return self.take_up(&book, last.number, last.ticket).await };
        match self.progress(&arn).await {
            Ok(ExportProgress::Failed { code, .. }) => {
                self.start_new(&book, next, How::StartedAfter(code)).await
            }
            Ok(ExportProgress::Done { .. }) if self.order.again => {
                self.start_new(&book, next, How::Started).await
            }
            Ok(_) => Ok(Begun { arn, how: How::Found }),
            // DynamoDB forgets exports after 90 days; what they wrote stays.
            Err(TakeError::Ask { source, .. }) if source.fault == PortFault::NotFound => {
                self.start_new(&book, next, How::Started).await
            }
            Err(error) => Err(error),
        }
    }

    /// Waits until the export is written; `None` if told to stop before. `look` hears of every look that found it
    /// running.
    pub async fn wait(
        &self,
        arn: &str,
        stop: &CancellationToken,
        look: impl Fn(),
    ) -> Result<Option<Taken>, TakeError> {
        let mut pause = LOOK_EVERY;
        loop {
            match self.progress(arn).await? {
                ExportProgress::Done { manifest_key, items, billed_bytes } => {
                    return Ok(Some(Taken { source: self.place(arn, &manifest_key)?, items, billed_bytes }));
                }
                ExportProgress::Failed { code, message } => {
                    return Err(TakeError::Failed { arn: arn.to_owned(), code, message });
                }
                ExportProgress::Running => look(),
            }
            // Biased: whoever was told to stop does not look again.
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(None),
                () = sleep(pause) => {}
            }
            pause = (pause * 3 / 2).min(LOOK_EVERY_MAX);
        }
    }

    /// The export of a ticket that names none: it was asked for and perhaps started.
    async fn take_up(&self, book: &Book<'_>, number: u32, ticket: Ticket) -> Result<Begun, TakeError> {
        if ticket.age(SystemClock.now()) < TOKEN_LIFE {
            return self.start(book, number, &ticket, How::Started).await;
        }
        match self.find(&ticket.token).await? {
            Some(arn) => {
                book.name(number, &arn).await?;
                Ok(Begun { arn, how: How::Found })
            }
            None => self.start_new(book, number + 1, How::Started).await,
        }
    }

    async fn start_new(&self, book: &Book<'_>, number: u32, how: How) -> Result<Begun, TakeError> {
        self.check_recovery().await?;
        let ticket = book.write_ticket(number, SystemClock.now()).await?;
        self.start(book, number, &ticket, how).await
    }

    async fn start(
        &self,
        book: &Book<'_>,
        number: u32,
        ticket: &Ticket,
        how: How,
    ) -> Result<Begun, TakeError> {
        let request = ExportRequest {
            token: ticket.token.clone(),
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone(),
            bucket_owner: self.order.bucket_owner.clone(),
            kms_key: self.order.kms_key.clone(),
            format: self.order.format,
            span: self.order.span,
        };
        let started = self.retrier.run(|| self.exporter.start(&request)).await;
        match started.map_err(asked(&self.order.table))? {
            ExportStart::Started(arn) => {
                book.name(number, &arn).await?;
                Ok(Begun { arn, how })
            }
            ExportStart::Refused(ExportRefusal::RecoveryOff, _) => Err(self.recovery_off()),
            ExportStart::Refused(refusal, words) => Err(TakeError::Refused { refusal, words }),
        }
    }

    /// Whether what is asked for can be exported, said before anything is written.
    async fn check_recovery(&self) -> Result<(), TakeError> {
        let mut recovery = self.recovery().await?;
        if recovery == Recovery::Off && self.order.enable_recovery {
            recovery = self.enable_recovery().await?;
        }
        match recovery {
            Recovery::Off => Err(self.recovery_off()),
            Recovery::On { earliest, latest } => {
                Ok(span::check(self.order.span, earliest, latest, SystemClock.now())?)
            }
        }
    }

    async fn enable_recovery(&self) -> Result<Recovery, TakeError> {
        let enabled = self.retrier.run(|| self.exporter.enable_recovery()).await;
        enabled.map_err(asked(&self.order.table))?;
        for _ in 0..RECOVERY_LOOKS {
            let recovery = self.recovery().await?;
            if recovery != Recovery::Off {
                return Ok(recovery);
            }
            sleep(LOOK_EVERY).await;
        }
        Err(TakeError::RecoverySlow { table: self.facts.arn.clone() })
    }

    async fn recovery(&self) -> Result<Recovery, TakeError> {
        self.retrier.run(|| self.exporter.recovery()).await.map_err(asked(&self.order.table))
    }

    async fn progress(&self, arn: &str) -> Result<ExportProgress, TakeError> {
        let state = self.retrier.run(|| self.exporter.describe(arn)).await;
        state.map(|state| state.progress).map_err(asked(&arn))
    }

    /// The export that was started with `token`, newest first: ids begin with the time.
    async fn find(&self, token: &str) -> Result<Option<String>, TakeError> {
        let arns = self.retrier.run(|| self.exporter.list()).await;
        let mut arns = arns.map_err(asked(&self.order.table))?;
        arns.sort_unstable();
        for arn in arns.into_iter().rev() {
            let state = self.retrier.run(|| self.exporter.describe(&arn)).await.map_err(asked(&arn))?;
            if state.token.as_deref() == Some(token) {
                return Ok(Some(arn));
            }
        }
        Ok(None)
    }

    fn place(&self, arn: &str, manifest_key: &str) -> Result<Location, TakeError> {
        let folder = manifest_key
            .strip_suffix(SUMMARY)
            .ok_or_else(|| TakeError::Manifest { arn: arn.to_owned(), key: manifest_key.to_owned() })?;
        Ok(Location::S3 { bucket: self.bucket.clone(), prefix: folder.to_owned() })
    }

    fn recovery_off(&self) -> TakeError {
        TakeError::RecoveryOff { table: self.facts.arn.clone() }
    }

    fn book(&self) -> Book<'_> {
        let Order { format, span, bucket_owner, kms_key, .. } = &self.order;
        let words = format!("{format:?} {} {bucket_owner:?} {kms_key:?}", span::words(*span));
        Book::new(&*self.store, &[&self.facts.arn, &self.bucket, &self.prefix, &words])
    }
}

fn asked(subject: &impl ToString) -> impl Fn(PortError) -> TakeError {
    let subject = subject.to_string();
    move |source| TakeError::Ask { subject: subject.clone(), source }
}

#[cfg(test)]
mod tests;

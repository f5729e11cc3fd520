//! Flags that both programs have.

use std::sync::Arc;

use backfleet_aws::AwsConfig;
use backfleet_core::limits::{INVOKE_AT_ONCE_DEFAULT, WRITE_BUDGET_DEFAULT};
use backfleet_core::paced::{InvokePace, StorePace, WritePace};
use clap::Args;

use crate::location::Paces;

/// How AWS is reached.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "AWS")]
pub struct AwsFlags {
    /// Region [default: the environment's or the profile's]
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
    /// Profile of the shared configuration
    #[arg(long, global = true, value_name = "NAME")]
    pub aws_profile: Option<String>,
    /// Endpoint instead of AWS's own, e.g. an emulator's [default: AWS_ENDPOINT_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// The endpoint is an emulator: sign with made-up keys and look for no real ones
    #[arg(long, global = true, env = "BACKFLEET_EMULATED")]
    pub emulated: bool,
    /// Account that must own every bucket; another's is refused
    #[arg(long, global = true, value_name = "ACCOUNT")]
    pub expected_bucket_owner: Option<String>,
    /// Requests to S3 a second, of this process, at the most
    #[arg(long, global = true, env = "BACKFLEET_S3_REQUESTS", value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub s3_requests: u32,
    /// Megabytes a second that this process uploads, at the most [default: no limit]
    #[arg(long, global = true, env = "BACKFLEET_UPLOAD_MB", value_name = "MB", value_parser = clap::value_parser!(u32).range(1..))]
    pub upload_mb: Option<u32>,
    /// Runs of functions at once, of this process, at the most
    #[arg(long, global = true, env = "BACKFLEET_INVOKE_CONCURRENCY", value_name = "N", default_value_t = INVOKE_AT_ONCE_DEFAULT, value_parser = clap::value_parser!(u32).range(1..))]
    pub invoke_concurrency: u32,
    /// Runs of functions that this process begins in a second, at the most [default: no limit]
    #[arg(long, global = true, env = "BACKFLEET_INVOKE_RATE", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub invoke_rate: Option<u32>,
    /// Write capacity units a second that this process spends on touches, at the most
    #[arg(long, global = true, env = "BACKFLEET_WRITE_BUDGET", value_name = "WCU", default_value_t = WRITE_BUDGET_DEFAULT, value_parser = clap::value_parser!(u32).range(1..))]
    pub write_budget: u32,
}

impl AwsFlags {
    /// How fast services may be asked.
    pub fn paces(&self) -> Paces {
        let upload = self.upload_mb.map(|mb| f64::from(mb) * 1e6);
        Paces {
            store: Arc::new(StorePace::new(f64::from(self.s3_requests), upload)),
            invoke: Arc::new(InvokePace::new(self.invoke_concurrency, self.invoke_rate.map(f64::from))),
            write: Arc::new(WritePace::new(f64::from(self.write_budget))),
        }
    }

    /// What the adapters need; `program` is who asks.
    pub fn config(&self, program: &str) -> AwsConfig {
        AwsConfig {
            region: self.region.clone(),
            profile: self.aws_profile.clone(),
            endpoint_url: self.endpoint_url.clone(),
            path_style: None,
            emulated: self.emulated,
            program: program.to_owned(),
            expected_bucket_owner: self.expected_bucket_owner.clone(),
        }
    }
}

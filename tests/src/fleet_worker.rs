//! `backfleet-worker`: built once for each test process, started, stopped in every way, its log read while it runs.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::binary::worker;
use crate::fleet_wait::{holds_within, until};

/// The command line of a worker.
#[derive(Debug)]
pub struct WorkerCall {
    command: Command,
    unread: bool,
}

/// A worker under way. Killed when dropped.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    log: File,
    errors: File,
    ended: Option<ExitStatus>,
}

impl WorkerCall {
    /// `backfleet-worker`.
    pub fn new() -> Self {
        let mut command = Command::new(worker());
        command.stdin(Stdio::null()).env_remove("RUST_LOG");
        Self { command, unread: false }
    }

    /// Every step it takes goes into a pipe that nobody reads.
    #[must_use]
    pub fn unread(mut self) -> Self {
        self.command.env("RUST_LOG", "trace");
        self.unread = true;
        self
    }

    /// Adds a flag with its value.
    #[must_use]
    pub fn flag(mut self, name: &str, value: &str) -> Self {
        self.command.arg(name).arg(value);
        self
    }

    /// Adds a flag without a value.
    #[must_use]
    pub fn word(mut self, word: &str) -> Self {
        self.command.arg(word);
        self
    }

    /// Starts it.
    pub fn start(&mut self) -> Worker {
        let [log, errors] = [(); 2].map(|()| tempfile::tempfile().expect("a temporary file"));
        let copy = |file: &File| file.try_clone().expect("a second handle of a file");
        let lines = if self.unread { Stdio::piped() } else { copy(&log).into() };
        self.command.stdout(lines).stderr(copy(&errors));
        let child = self.command.spawn().expect("a worker can be started");
        Worker { child, log, errors, ended: None }
    }

    /// Starts it and waits until it takes work.
    pub fn start_ready(&mut self) -> Worker {
        let mut worker = self.start();
        until("a worker was ready", || worker.has_ended() || worker.log().contains("ready for work"));
        assert!(!worker.has_ended(), "a worker ended at once: {}{}", worker.log(), worker.errors());
        worker
    }
}

impl Default for WorkerCall {
    fn default() -> Self {
        Self::new()
    }
}

impl Worker {
    /// What it has logged so far.
    pub fn log(&self) -> String {
        text(&self.log)
    }

    /// What it has said on standard error so far.
    pub fn errors(&self) -> String {
        text(&self.errors)
    }

    /// Its log, each line parsed.
    #[track_caller]
    pub fn log_lines(&self) -> Vec<Value> {
        let parse = |line: &str| match serde_json::from_str(line) {
            Ok(value) => value,
            Err(error) => panic!("a line of the log is no JSON, {error}: {line}"),
        };
        self.log().lines().map(parse).collect()
    }

    /// Where it answers `/metrics`, as it says itself: started with port 0.
    pub fn metrics_address(&self) -> SocketAddr {
        let bound = |line: &Value| line["bound"].as_str().and_then(|address| address.parse().ok());
        self.log_lines().iter().find_map(bound).expect("a worker says where it serves metrics")
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.ended = self.ended.or_else(|| self.child.try_wait().expect("a child can be waited for"));
        self.ended.is_some()
    }

    /// SIGKILL, then waits for the end of it.
    pub fn kill(&mut self) {
        if !self.has_ended() {
            self.child.kill().expect("a child of ours can be killed");
            self.child.wait().expect("a child can be waited for");
        }
    }

    /// Sends a signal by its name, e.g. `TERM`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "signal {name} could not be sent");
    }

    /// Its exit code, which must come within `time`; `None` for a process that a signal ended.
    #[track_caller]
    pub fn code_within(&mut self, time: Duration) -> Option<i32> {
        assert!(holds_within(time, || self.has_ended()), "still running after {time:?}: {}", self.log());
        self.ended.and_then(|status| status.code())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// By offset: the child writes on where this very file's cursor stands.
fn text(file: &File) -> String {
    let mut bytes = vec![0; file.metadata().map_or(0, |metadata| metadata.len() as usize)];
    file.read_exact_at(&mut bytes, 0).expect("a file does not shrink");
    String::from_utf8(bytes).expect("a worker writes UTF-8")
}

//! Running `backfleet`: what it is told, what it says, how it ends, and how it is made to end early.
//!
//! The only place of the kit that looks at the time: a real process runs beside it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::binary::backfleet;

/// No command of these tests takes nearly as long; one that does hangs.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a running process is looked at.
const GLANCE: Duration = Duration::from_millis(2);

/// A command line.
#[derive(Debug)]
pub struct Call {
    command: Command,
}

/// How a command ended.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; `None` for a process that a signal ended.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A command under way. Killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: File,
    stderr: File,
    ended: Option<ExitStatus>,
}

/// `backfleet run` of the export of a table with these keys.
pub fn run(source: &Path, dest: &Path, keys: &str) -> Call {
    Call::new("run").flag("--source", source).flag("--dest", dest).flag("--keys", keys)
}

/// `backfleet verify`.
pub fn verify(dest: &Path) -> Call {
    Call::new("verify").flag("--dest", dest)
}

impl Call {
    /// `backfleet <subcommand>`.
    pub fn new(subcommand: &str) -> Self {
        let mut command = Command::new(backfleet());
        command.arg(subcommand).stdin(Stdio::null()).env_remove("RUST_LOG");
        Self { command }
    }

    /// Adds a flag with its value.
    #[must_use]
    pub fn flag(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.arg(name).arg(value);
        self
    }

    /// Adds a word, or a flag without a value.
    #[must_use]
    pub fn word(mut self, word: impl AsRef<OsStr>) -> Self {
        self.command.arg(word);
        self
    }

    /// Adds words.
    #[must_use]
    pub fn words(mut self, words: &[&str]) -> Self {
        self.command.args(words);
        self
    }

    /// Lets it have so many file descriptors at once.
    #[must_use]
    pub fn descriptors_max(self, descriptors_max: u32) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n \"$0\" && exec \"$@\"", &descriptors_max.to_string()]);
        command.arg(self.command.get_program()).args(self.command.get_args());
        command.stdin(Stdio::null()).env_remove("RUST_LOG");
        Self { command }
    }

    /// Runs it in this folder.
    #[must_use]
    pub fn inside(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Starts it.
    pub fn start(&mut self) -> Running {
        let [stdout, stderr] = [(); 2].map(|()| tempfile::tempfile().expect("a temporary file"));
        let copy = |file: &File| file.try_clone().expect("a second handle of a file");
        self.command.stdout(copy(&stdout)).stderr(copy(&stderr));
        let child = self.command.spawn().expect("the binary under test can be started");
        Running { child, stdout, stderr, ended: None }
    }

    /// Runs it to its end.
    pub fn outcome(&mut self) -> Outcome {
        self.start().outcome()
    }

    /// Runs it to its end, which must be this exit code.
    #[track_caller]
    pub fn ends_with(&mut self, code: i32) -> Outcome {
        let outcome = self.outcome();
        assert_eq!(outcome.code, Some(code), "{:?} said:\n{outcome}", self.command);
        outcome
    }

    /// Runs it to its end, which must be good.
    #[track_caller]
    pub fn succeeds(&mut self) -> Outcome {
        self.ends_with(0)
    }
}

impl Running {
    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.ended = self.ended.or_else(|| self.child.try_wait().expect("a child can be waited for"));
        self.ended.is_some()
    }

    /// Waits until it has ended, or for `time`; says whether it has ended.
    pub fn ends_within(&mut self, time: Duration) -> bool {
        self.holds_within(time, |_| false)
    }

    /// Waits until `condition` holds; panics if the process ends first.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut condition: impl FnMut() -> bool) {
        let ended = self.holds_within(PATIENCE, |_| condition());
        assert!(!ended && condition(), "the process ended, or nothing happened, before {what}");
    }

    fn holds_within(&mut self, time: Duration, mut condition: impl FnMut(&Self) -> bool) -> bool {
        let began = clock::now();
        while !self.has_ended() && !condition(self) && began.elapsed() < time {
            clock::pause(GLANCE);
        }
        self.has_ended()
    }

    /// SIGKILL: no handler, no destructor, no flush. Says whether it came before the process's own end.
    pub fn kill(mut self) -> bool {
        let in_time = !self.has_ended();
        self.child.kill().expect("a child of ours can be killed");
        self.child.wait().expect("a child can be waited for").code().is_none() && in_time
    }

    /// Sends a signal by its name, e.g. `INT`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "signal {name} could not be sent");
    }

    /// Waits for its end.
    pub fn outcome(mut self) -> Outcome {
        assert!(self.ends_within(PATIENCE), "the command hangs");
        let code = self.ended.and_then(|status| status.code());
        let [stdout, stderr] = [&mut self.stdout, &mut self.stderr].map(read_back);
        Outcome { code, stdout, stderr }
    }

    /// The most memory it ever had in RAM, in bytes, watched until its end.
    pub fn resident_bytes_max(mut self) -> (u64, Outcome) {
        let mut most = 0;
        let status = format!("/proc/{}/status", self.child.id());
        self.holds_within(PATIENCE, |_| {
            most = most.max(high_water(&status).unwrap_or(0));
            false
        });
        (most, self.outcome())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended() {
            // It ended in between: then there is nothing left to do.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Outcome {
    /// Standard output as exactly one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => value,
            Err(error) => panic!("standard output is not one JSON document, {error}:\n{self}"),
        }
    }

    /// Both streams, standard output first.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Both streams must hold all of these.
    #[track_caller]
    pub fn says(&self, fragments: &[&str]) -> &Self {
        for fragment in fragments {
            assert!(self.text().contains(fragment), "{fragment:?} is not in:\n{self}");
        }
        self
    }

    /// An error as a person needs it, on standard error alone: what and where, and what to do next.
    #[track_caller]
    pub fn explains(&self, fragments: &[&str]) -> &Self {
        assert_eq!(self.stdout, "", "an error belongs on standard error");
        assert!(self.stderr.contains("next:") || self.stderr.contains("--help"), "no next step in:\n{self}");
        assert!(!self.stderr.contains("panicked"), "{self}");
        self.says(fragments)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {:?}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

fn read_back(file: &mut File) -> String {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).expect("a file can be read from its start");
    file.read_to_string(&mut text).expect("the command writes UTF-8");
    text
}

/// `VmHWM` of a process's status, in bytes; none once it is gone.
fn high_water(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Real time: what is watched here is another process, which no paused clock controls.
mod clock {
    use std::time::{Duration, Instant};

    #[expect(clippy::disallowed_methods, reason = "another process is waited for")]
    pub fn now() -> Instant {
        Instant::now()
    }

    #[expect(clippy::disallowed_methods, reason = "another process is waited for")]
    pub fn pause(time: Duration) {
        std::thread::sleep(time);
    }
}

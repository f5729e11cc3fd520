//! Starts and stops the emulator of S3 and SQS that the tests work against.
//!
//! One emulator is one process on a loopback port of its own. It ends when its [`Emulator`] is dropped, and also
//! when the test process dies in whatever way: it watches the pipe between the two. For tests only; knows nothing
//! of the project's crates, so that each of them may use it.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// From the start of the process until it answers: half a second on an idle machine.
const START_WAIT_MAX: Duration = Duration::from_secs(60);
/// Between two looks whether it answers.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// A port that was free may be taken a moment later.
const STARTS_MAX: usize = 3;
/// One request of ours.
const REQUEST_WAIT_MAX: Duration = Duration::from_secs(10);

/// A running emulator.
#[derive(Debug)]
pub struct Emulator {
    process: Child,
    address: SocketAddr,
    scratch: PathBuf,
}

impl Emulator {
    /// Sets the emulator up if need be (some seconds, once per checkout, and needs a Python package index), and
    /// starts one.
    pub fn start() -> io::Result<Self> {
        let python = set_up()?;
        let mut last = None;
        for _ in 0..STARTS_MAX {
            match Self::start_once(&python) {
                Ok(emulator) => return Ok(emulator),
                Err(error) => last = Some(error),
            }
        }
        Err(last.expect("at least one start was tried"))
    }

    /// `http://127.0.0.1:<port>`, for S3 and SQS alike.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a process needs in its environment to work against this emulator. The credentials are no secret: the
    /// emulator takes any.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }

    /// Makes an empty bucket.
    pub fn create_bucket(&self, name: &str) -> io::Result<()> {
        match request(self.address, &format!("PUT /{name}"))? {
            200 => Ok(()),
            status => Err(io::Error::other(format!("bucket {name} was not made: status {status}"))),
        }
    }

    fn start_once(python: &Path) -> io::Result<Self> {
        let address = free_address()?;
        let scratch = std::env::temp_dir().join("backfleet-emulator").join(address.port().to_string());
        std::fs::create_dir_all(&scratch)?;
        let process = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("serve.py"))
            .env("BIND_HOST", address.ip().to_string())
            .env("GATEWAY_PORT", address.port().to_string())
            .env("TMPDIR", &scratch)
            .env("LOG_LEVEL", "WARNING")
            .env_remove("AWS_ENDPOINT_URL")
            .current_dir(&scratch)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(scratch.join("log"))?)
            .spawn()?;
        let mut emulator = Self { process, address, scratch };
        emulator.wait_until_it_answers()?;
        Ok(emulator)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a process is being waited for: real time, and no runtime here"
    )]
    fn wait_until_it_answers(&mut self) -> io::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < START_WAIT_MAX {
            if let Some(status) = self.process.try_wait()? {
                let log = std::fs::read_to_string(self.scratch.join("log")).unwrap_or_default();
                return Err(io::Error::other(format!("the emulator ended with {status}: {log}")));
            }
            if matches!(request(self.address, "GET /_ministack/health"), Ok(200)) {
                return Ok(());
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the emulator does not answer"))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Nothing of it outlives the test, so there is nothing to end gently.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.scratch);
    }
}

fn set_up() -> io::Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("setup.sh");
    let output = Command::new(script).output()?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("the emulator could not be set up: {}: {why}", output.status)));
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// The status of an answer to a request without a body. A handful of these is not worth an HTTP client.
fn request(address: SocketAddr, line: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, REQUEST_WAIT_MAX)?;
    stream.set_read_timeout(Some(REQUEST_WAIT_MAX))?;
    write!(stream, "{line} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    let mut start = [0; 12];
    stream.read_exact(&mut start)?;
    let status = std::str::from_utf8(&start[9..]).ok().and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no HTTP status"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emulator_serves_from_start_to_drop() {
        let emulator = Emulator::start().unwrap();
        let address = emulator.address;
        emulator.create_bucket("some-bucket").unwrap();
        assert_eq!(request(address, "GET /some-bucket?list-type=2").unwrap(), 200);
        drop(emulator);
        assert!(TcpStream::connect(address).is_err());
    }

    #[test]
    fn an_emulator_ends_with_the_pipe_to_whoever_started_it() {
        let mut emulator = Emulator::start().unwrap();
        // What the kernel does when a process is killed.
        drop(emulator.process.stdin.take());
        assert!(emulator.process.wait().unwrap().success());
    }
}

//! What a process says of itself when it is looked at: memory, CPU time, version. Read from where Linux keeps it; what is not
//! there is not said.

use std::fs;

use backfleet_core::metrics::{BUILD_INFO, CPU_SECONDS, MEMORY_BYTES, MEMORY_LIMIT_BYTES};

/// Parts of a second in which the kernel counts CPU time for programs (`USER_HZ`, proc(5)).
const TICKS_PER_SECOND: u64 = 100;
/// Names the limit where the control group does not: on Fargate the task has it, and a container does not see the task's.
const LIMIT_VARIABLE: &str = "BACKFLEET_MEMORY_LIMIT";
/// cgroup v1 says "no limit" with a number about as large as memory can be.
const NO_LIMIT: u64 = 1 << 60;

/// Brings the gauges up to date.
#[expect(clippy::cast_precision_loss, reason = "gauges are floating point")]
pub fn note() {
    metrics::gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    if let Some(seconds) = read("/proc/self/stat").as_deref().and_then(cpu_seconds) {
        metrics::counter!(CPU_SECONDS).absolute(seconds);
    }
    if let Some(bytes) = read("/proc/self/status").as_deref().and_then(resident_bytes) {
        metrics::gauge!(MEMORY_BYTES).set(bytes as f64);
    }
    let limits = [
        std::env::var(LIMIT_VARIABLE).ok(),
        read("/sys/fs/cgroup/memory.max"),
        read("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
    ];
    if let Some(bytes) = limits.iter().flatten().find_map(|limit| limit_bytes(limit)) {
        metrics::gauge!(MEMORY_LIMIT_BYTES).set(bytes as f64);
    }
}

fn read(file: &str) -> Option<String> {
    fs::read_to_string(file).ok()
}

/// User and system time of `/proc/self/stat`: the 14th and 15th field, the second of which may hold anything.
fn cpu_seconds(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn limit_bytes(limit: &str) -> Option<u64> {
    limit.trim().parse().ok().filter(|bytes| *bytes < NO_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_says_is_understood() {
        let stat = "4711 (back) fleet) S 1 2 3 4 5 6 7 8 9 10 1250 350 0 0 20";
        assert_eq!(cpu_seconds(stat), Some(16));
        assert_eq!(resident_bytes("VmPeak:\t9 kB\nVmRSS:\t  2048 kB\n"), Some(2 << 20));
        assert_eq!((limit_bytes("max\n"), limit_bytes("9223372036854771712")), (None, None));
        assert_eq!(limit_bytes("2147483648\n"), Some(2 << 30));
        assert_eq!((cpu_seconds("odd"), resident_bytes("odd")), (None, None));
    }
}

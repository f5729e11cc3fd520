//! How far a run is: a bar on a terminal, a plain line every few seconds elsewhere, nothing when asked so.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use backfleet_worker::tally::Tally;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::size;

/// How often a bar is drawn.
const BAR_EVERY: Duration = Duration::from_millis(200);
/// How often a plain line is written.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows the progress of `work` while it goes on.
pub async fn show<T>(tally: Arc<Tally>, total: u64, quiet: bool, work: impl Future<Output = T>) -> T {
    if quiet {
        return work.await;
    }
    let mut display = Display::new(total);
    let mut ticks = interval(if display.bar.is_some() { BAR_EVERY } else { LINE_EVERY });
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.tick().await;
    tokio::pin!(work);
    loop {
        // Biased: once the work is done nothing more is drawn.
        tokio::select! {
            biased;
            done = &mut work => {
                display.clear();
                return done;
            }
            _ = ticks.tick() => display.draw(&tally),
        }
    }
}

struct Display {
    bar: Option<ProgressBar>,
    began: Instant,
    total: u64,
}

impl Display {
    fn new(total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = "{bar:40} {percent:>3} %  {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left{msg}";
            bar.set_style(ProgressStyle::with_template(style).expect("a constant template"));
            bar
        });
        Self { bar, began: Instant::now(), total }
    }

    fn draw(&self, tally: &Tally) {
        let read = tally.bytes_in().min(self.total);
        match &self.bar {
            Some(bar) => {
                bar.set_message(format!("  {} shards{}", tally.shards(), quarantined(tally)));
                bar.set_position(read);
            }
            None => eprintln!("{}", self.line(tally, read)),
        }
    }

    fn line(&self, tally: &Tally, read: u64) -> String {
        let seconds = self.began.elapsed().as_secs_f64();
        let rate = read as f64 / seconds.max(0.001);
        let left =
            if read == 0 { "?".to_owned() } else { format!("{:.0} s", (self.total - read) as f64 / rate) };
        let percent = read.saturating_mul(100) / self.total.max(1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes per second")]
        let rate = size::print(rate as u64);
        format!(
            "{percent} %  {} of {} read  {rate}/s  {left} left  {} shards{}",
            size::print(read),
            size::print(self.total),
            tally.shards(),
            quarantined(tally)
        )
    }

    fn clear(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn quarantined(tally: &Tally) -> String {
    match tally.quarantined_so_far() {
        0 => String::new(),
        records => format!("  {} records quarantined", size::count(records)),
    }
}

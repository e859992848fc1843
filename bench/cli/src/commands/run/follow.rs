//! Following a run: what it tells is shown, and what stops it reaches it.
//!
//! Nothing here waits for anybody but the run.

use std::time::{Duration, Instant};

use daemon::{Finished, Handle, Notice, Outside};
use scenario::Plan;

use crate::signals::{LEAVE, Signals};
use crate::successor::Successor;
use crate::terminal::Display;
use crate::{Failure, job};

/// How often signals and progress are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Follows a run to its end; a signal stops it, and so does the end of its time. One whose loop stands still is taken over by its
/// successor, in this process's place: whatever holds the loop, its ports and its threads are gone then.
pub(crate) fn follow(
    handle: Handle,
    plan: &Plan,
    signals: &Signals,
    left: Option<Duration>,
    successor: Option<Successor>,
) -> Finished {
    let began = Instant::now();
    let (mut left, mut successor) = (left, successor);
    let mut display = Display::new(&handle.run, &plan.title, plan.duration());
    loop {
        let finished = handle.is_finished();
        while let Ok(notice) = handle.notices.try_recv() {
            display.notice(notice);
        }
        if let Some(name) = signals.next() {
            let cause = format!("stopped by {name}");
            let wanted = if name == LEAVE && successor.is_some() { Outside::Leave } else { Outside::Stop { cause } };
            // A loop that stands still hears neither, and its successor would not know of it.
            successor = successor.map(Successor::that_closes);
            drop(handle.outside.send(wanted));
        }
        if let Some(budget) = left.take_if(|left| began.elapsed() >= *left) {
            let cause = format!("its time was over, the budget left it {}", domain::time::span(budget));
            successor = successor.map(Successor::that_closes);
            drop(handle.outside.send(Outside::Stop { cause }));
        }
        if let Some(stood) = handle.stood_still()
            && let Some(successor) = successor.take()
        {
            let stood = domain::time::span(stood);
            let line = format!(
                "error: {}: its loop has stood still for {stood}; the run is taken over",
                handle.folder.display()
            );
            display.notice(Notice::Line(line));
            // Its successor is this process.
            display.finish();
            let why = successor.take_over(left.map(|left| left.saturating_sub(began.elapsed())));
            let reason =
                format!("its loop stands still, and nothing could take it over ({why}); go and look at the pump");
            return Finished::error(handle.folder, reason);
        }
        job::beat();
        if let Ok(progress) = handle.progress.try_lock() {
            display.show(&progress);
        }
        if finished {
            display.finish();
            return handle.join();
        }
        std::thread::sleep(LOOK);
    }
}

/// What is said of a run that has not ended.
pub(crate) fn left_as_it_is(finished: &Finished) -> Failure {
    let folder = finished.folder.display();
    Failure::bench(format!(
        "the run was left as it is, for the host restarts, and its pump goes on by itself; `dosebench recover {folder}` goes on with it"
    ))
}

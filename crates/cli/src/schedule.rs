//! In which order cases run, and which at the same time: those that measure no time first, a few at a time; then one
//! after the other those that do.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use facts::Plan;
use report::CaseResult;

use crate::{case_run::Runner, timed::measures_time};

/// So many cases at a time for each core. A case mostly waits: the shipped ones take a tenth to a quarter of a core each,
/// and with more of them at a time waits would begin to time out.
const JOBS_PER_CORE: u32 = 3;
/// Never more than this by itself: each has its own processes, sockets and files.
const MOST_JOBS: u32 = 8;

/// So many at a time, if there are so many for each core.
pub(crate) fn jobs(per_core: u32) -> u32 {
    let cores = thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
    per_core.saturating_mul(cores).min(MOST_JOBS)
}

/// When to begin no other case.
pub(crate) struct Schedule<'a> {
    /// So many at a time, of those that measure no time.
    pub(crate) jobs: Option<u32>,
    /// Once one did not do what it must.
    pub(crate) fail_fast: bool,
    /// Once somebody pressed Ctrl-C.
    pub(crate) interrupted: &'a AtomicBool,
}

impl Schedule<'_> {
    /// Runs all plans; `ended` hears of each when it has ended. The results are in the order of the plans; those that
    /// were not begun are left out.
    pub(crate) fn run(
        &self,
        runner: &Runner,
        plans: &[Plan],
        mut ended: impl FnMut(&CaseResult),
    ) -> Vec<CaseResult> {
        let failed = AtomicBool::new(false);
        let (timed, untimed): (Vec<usize>, Vec<usize>) =
            (0..plans.len()).partition(|index| measures_time(&plans[*index]));
        let mut results: Vec<(usize, CaseResult)> = Vec::new();
        for (cases, at_a_time) in [(untimed, self.jobs()), (timed, 1)] {
            let queue = Mutex::new(VecDeque::from(cases));
            let (tell, hear) = mpsc::channel();
            thread::scope(|scope| {
                for _ in 0..at_a_time {
                    let (tell, queue, failed) = (tell.clone(), &queue, &failed);
                    scope.spawn(move || {
                        while let Some(index) = self.next(queue, failed) {
                            let result = runner.run(&plans[index]).result;
                            let is_bad = !result.disposition.is_good() && !result.disposition.is_skip();
                            failed.fetch_or(is_bad, Ordering::SeqCst);
                            tell.send((index, result)).ok();
                        }
                    });
                }
                drop(tell);
                for (index, result) in hear {
                    ended(&result);
                    results.push((index, result));
                }
            });
        }
        results.sort_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }

    fn next(&self, queue: &Mutex<VecDeque<usize>>, failed: &AtomicBool) -> Option<usize> {
        let over = self.interrupted.load(Ordering::SeqCst) || self.fail_fast && failed.load(Ordering::SeqCst);
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        if over { None } else { queue.pop_front() }
    }

    fn jobs(&self) -> usize {
        self.jobs.unwrap_or_else(|| jobs(JOBS_PER_CORE)) as usize
    }
}

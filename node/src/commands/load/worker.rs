//! The threads of a run: one or two that drive the binds, and in a paced run one that rings those whose messages are due,
//! because a runtime's timers are a millisecond coarse.

use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use super::bind::{LoadBind, Target};
use super::run::{Phase, Run};
use super::schedule::Schedule;
use crate::commands::client::ClientError;

/// Binds that are opened at the same time: more than the message centre's listen queue holds would wait for the kernel's
/// second try.
const OPENING_MAX: usize = 256;

/// A thread that drives some of the binds.
pub(super) struct Worker {
    /// To be joined when the run is over.
    pub(super) thread: JoinHandle<()>,
    opened: mpsc::Receiver<Vec<Result<Opened, ClientError>>>,
    begin: Option<oneshot::Sender<Begin>>,
    /// What wakes its binds that send, in their order.
    pub(super) senders: Vec<Arc<Notify>>,
    /// What wakes those that only read.
    pub(super) receivers: Vec<Arc<Notify>>,
    first_sender: usize,
}

/// A bind that is bound.
struct Opened {
    bell: Arc<Notify>,
    sends: bool,
}

/// The run begins.
struct Begin {
    schedule: Option<Schedule>,
    first_sender: usize,
}

impl Worker {
    /// The run begins.
    pub(super) fn start(&mut self, schedule: Option<Schedule>) {
        if let Some(begin) = self.begin.take() {
            // A worker that is gone is found when it is joined.
            let _ = begin.send(Begin { schedule, first_sender: self.first_sender });
        }
    }
}

/// Starts the threads; each opens its share of the binds.
pub(super) fn start_workers(run: &Arc<Run>, targets: Vec<Target>, threads: usize) -> Result<Vec<Worker>, String> {
    let share = targets.len().div_ceil(threads);
    let shares: Vec<Vec<Target>> = targets.chunks(share).map(<[Target]>::to_vec).collect();
    let cannot = |error: std::io::Error| format!("cannot start a worker: {error}");
    shares
        .into_iter()
        .map(|targets| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
            let (opened_tx, opened) = mpsc::channel();
            let (begin, begin_rx) = oneshot::channel();
            let run = run.clone();
            let body = move || runtime.block_on(work(run, targets, opened_tx, begin_rx));
            let thread = thread::Builder::new().name("load".to_owned()).spawn(body).map_err(cannot)?;
            Ok(Worker {
                thread,
                opened,
                begin: Some(begin),
                senders: Vec::new(),
                receivers: Vec::new(),
                first_sender: 0,
            })
        })
        .collect()
}

/// Waits until all binds are bound or refused; says which were refused.
pub(super) fn await_binds(workers: &mut [Worker]) -> Vec<ClientError> {
    let (mut refused, mut senders) = (Vec::new(), 0);
    for worker in workers {
        worker.first_sender = senders;
        for opened in worker.opened.recv().unwrap_or_default() {
            match opened {
                Ok(Opened { bell, sends: true }) => worker.senders.push(bell),
                Ok(Opened { bell, sends: false }) => worker.receivers.push(bell),
                Err(error) => refused.push(error),
            }
        }
        senders += worker.senders.len();
    }
    refused
}

/// Opens the binds, tells of it, waits for the beginning, and drives them until the run is over.
async fn work(
    run: Arc<Run>,
    targets: Vec<Target>,
    opened: mpsc::Sender<Vec<Result<Opened, ClientError>>>,
    begin: oneshot::Receiver<Begin>,
) {
    let (mut opening, mut targets) = (JoinSet::new(), targets.into_iter());
    let (mut binds, mut results) = (Vec::new(), Vec::new());
    loop {
        for target in targets.by_ref().take(OPENING_MAX - opening.len()) {
            opening.spawn(LoadBind::open(run.clone(), target, Arc::new(Notify::new())));
        }
        let Some(joined) = opening.join_next().await else { break };
        match joined {
            Ok(Ok(bind)) => {
                results.push(Ok(Opened { bell: bind.bell(), sends: bind.sends() }));
                binds.push(bind);
            }
            Ok(Err(error)) => results.push(Err(error)),
            Err(error) => results.push(Err(ClientError::Lost(error.to_string()))),
        }
    }
    let _ = opened.send(results);
    let Ok(Begin { schedule, mut first_sender }) = begin.await else { return };
    if first_sender == 0 {
        let run = run.clone();
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                run.interrupt();
            }
        });
    }
    let mut working = JoinSet::new();
    for bind in binds {
        let schedule = schedule.filter(|_| bind.sends());
        let cursor = schedule.map(|schedule| schedule.cursor(first_sender));
        first_sender += usize::from(bind.sends());
        working.spawn(bind.work(cursor));
    }
    while working.join_next().await.is_some() {}
}

/// Rings each bind when messages of its are due.
pub(super) fn start_pacer(
    run: Arc<Run>,
    schedule: Schedule,
    bells: Vec<Arc<Notify>>,
) -> Result<JoinHandle<()>, String> {
    let pace = move || {
        let (mut number, mut due_binds) = (0, vec![false; bells.len()]);
        while run.phase() == Phase::Sending {
            // In steps, so that the end of the run is noticed at low rates too.
            let due = schedule.due(number);
            let wait = due.saturating_duration_since(Instant::now());
            thread::sleep(wait.min(Duration::from_millis(100)));
            let now = Instant::now();
            while schedule.due(number) <= now {
                due_binds[schedule.bind_of(number)] = true;
                number += 1;
            }
            for (bind, due) in due_binds.iter_mut().enumerate().filter(|(_, due)| **due) {
                *due = false;
                bells[bind].notify_one();
            }
        }
    };
    thread::Builder::new()
        .name("pacer".to_owned())
        .spawn(pace)
        .map_err(|error| format!("cannot start the pacer: {error}"))
}
